import { setTimeout as delay } from "node:timers/promises";
import { Recorder } from "../support/recorder.ts";

type Data = string | null | { status?: number; headers?: Record<string, string>; body?: string };

/** What both ports have in common. */
export type TestChannel = {
  readonly isOpen: boolean;
  send(data: Data, options?: { close?: boolean }): boolean;
  close(): boolean;
  onReceive(handler: (message: unknown) => unknown): void;
  onClose(handler: (status: string) => unknown): void;
};

type WithChannel = (request: Request, use: (channel: TestChannel) => unknown) => Response;

/**
 * One application for both ports. It parks every request that no path below is for, and records what happens to it
 * under the name and the path of it: `request /a`, `open /a`, `begin /a`, `end /a`, `close /a`.
 */
export function createApplication(
  withChannel: WithChannel,
  log = new Recorder(),
): (request: Request) => Response | Promise<Response> {
  return (request) => {
    const { pathname } = new URL(request.url);
    log.record(`request ${pathname}`);
    if (pathname === "/probe") return new Response("probe");
    if (pathname === "/large") return new Response("x".repeat(100_000));
    if (pathname === "/slow") return delay(150, new Response("slow"));
    if (pathname === "/refused") return new Response("who are you?", { status: 401 });
    if (pathname === "/throws") throw new Error("secret");
    return withChannel(request, (channel) => {
      channel.onReceive(async (message) => {
        log.record(`begin ${pathname}`, message);
        await delay(message === "slow" ? 50 : 0);
        log.record(`end ${pathname}`, message);
      });
      channel.onClose((status) => log.record(`close ${pathname}`, status));
      log.record(`open ${pathname}`, channel);
      if (pathname === "/twice") {
        channel.send("one");
        channel.send("two");
      }
    });
  };
}
