/** Metrics and spans for OpenTelemetry. */
export { type MeterLike, type OpenTelemetryOptions, observeByOpenTelemetry, type TracerLike } from './observer.ts'
