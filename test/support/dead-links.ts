import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** The links of a document to files, or headings, that are not there. @param path - from the root */
export function deadLinks(root: string, path: string): string[] {
  const links = [...proseOf(root, path).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
  return links.filter((link) => {
    if (/^https?:/.test(link)) return false;
    const [file = "", anchor] = link.split("#");
    const target = file === "" ? path : join(dirname(path), file);
    if (!existsSync(join(root, target))) return true;
    return anchor !== undefined && !anchorsOf(root, target).includes(anchor);
  });
}

/** As GitHub makes them of headings. */
function anchorsOf(root: string, path: string): string[] {
  const headings = [...proseOf(root, path).matchAll(/^#+ (.+)$/gm)];
  return headings.map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, "")
      .replaceAll(" ", "-"),
  );
}

/** Without its programs, where `handlers[name](value)` is no link, and a comment of a shell no heading. */
function proseOf(root: string, path: string): string {
  return readFileSync(join(root, path), "utf8").replaceAll(/^```[\s\S]*?^```$/gm, "");
}
