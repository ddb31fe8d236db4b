// RFC 3986 §3.2: a registered name, an IPv4 address or an IPv6 address in brackets, and a port.
const hostPattern = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~!$&'()*+,;=%]+)(?::(\d{1,5}))?$/;

// A name or an IPv4 address with a port that is no default. Not a name that ends in a number, which a URL takes for an
// address and writes in another way, nor one in Punycode, which it decodes (WHATWG URL §3.5).
const plainPattern =
  /^(?:(?!.*xn--)(?:[a-z0-9_-]+\.)*[a-z_][a-z0-9_-]*|(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!:|$)|(?=:|$))){4})(?::(?!80$|443$|0)\d{1,5})?$/;

/** Whether a Host field names a host that a URL can have. */
export function isHost(host: string): boolean {
  const match = hostPattern.exec(host);
  if (match === null || Number(match[1] ?? 0) > 65_535) return false;
  return isPlainHost(host) || URL.canParse(`http://${host}`);
}

/** Whether a URL takes a host as it stands: most hosts are so, and need not be parsed. */
export function isPlainHost(host: string): boolean {
  return plainPattern.test(host);
}
