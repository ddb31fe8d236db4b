export type { ProxyEvent } from "./testing/event-log.ts";
export type { ByteCount, CutMode, Direction, Fault, FaultOf, FaultScope } from "./testing/fault.ts";
export { createFaultProxy, type FaultProxy, type FaultProxyOptions } from "./testing/fault-proxy.ts";
