/** What Larder and the process that serves its endpoints tell each other, in two files. Pure. */
import { isIPv4 } from 'node:net'
import { LarderError } from '../../errors.ts'
import type { Endpoint } from '../../model/group.ts'
import type { Discovery, Front } from '../../ports/balancer.ts'
import type { NodeCertificate } from '../../ports/certificates.ts'

export interface ReaderPlan {
  readonly endpoint: Endpoint
  readonly backends: readonly Endpoint[]
}

export interface DiscoveryPlan extends Discovery {
  readonly endpoint: Endpoint
}

export interface FrontPlan extends Front {
  /** Whose it is. */
  readonly group: string
}

/** Written by Larder alone: everything that is to be served. */
export interface EndpointPlan {
  readonly format: 1
  /** Grows with each write. */
  readonly revision: number
  readonly readers: readonly ReaderPlan[]
  readonly discoveries: readonly DiscoveryPlan[]
  readonly fronts: readonly FrontPlan[]
}

/** Written by the serving process alone: what it has put in force. */
export interface EndpointReport {
  readonly pid: number
  /** Of the plan that is in force. */
  readonly revision: number
  /** `address:port` to the reason why it is not served. */
  readonly failures: Readonly<Record<string, string>>
}

export const emptyPlan: EndpointPlan = { format: 1, revision: 0, readers: [], discoveries: [], fronts: [] }

export const endpointKey = ({ address, port }: Endpoint): string => `${address}:${port}`

export const isEmptyPlan = (plan: EndpointPlan): boolean =>
  plan.readers.length + plan.discoveries.length + plan.fronts.length === 0

const isEndpoint = (value: unknown): value is Endpoint => {
  const { address, port } = (value ?? {}) as Partial<Endpoint>
  return typeof address === 'string' && isIPv4(address) && Number.isInteger(port)
}

const areEndpoints = (value: unknown): boolean => Array.isArray(value) && value.every(isEndpoint)

const isCertificate = (value: unknown): boolean => {
  if (value === undefined) return true
  const { certificate, key, authority } = (value ?? {}) as Partial<NodeCertificate>
  return [certificate, key, authority].every((part) => typeof part === 'string')
}

const isPlan = (value: Partial<EndpointPlan>): value is EndpointPlan =>
  Number.isInteger(value.revision) &&
  Array.isArray(value.readers) &&
  Array.isArray(value.discoveries) &&
  Array.isArray(value.fronts) &&
  value.fronts.every(({ group, endpoint, plain, tls }) => typeof group === 'string' && areEndpoints([endpoint, plain, tls])) &&
  value.readers.every((reader) => isEndpoint(reader.endpoint) && areEndpoints(reader.backends)) &&
  value.discoveries.every(
    (entry) =>
      isEndpoint(entry.endpoint) && Number.isInteger(entry.version) && areEndpoints(entry.nodes) && isCertificate(entry.tls),
  )

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new LarderError('store-corrupt', 'the list of endpoints to serve is no JSON', { cause })
  }
}

/** Throws `store-newer` or `store-corrupt` where the text is not a plan of this format. */
export const parsePlan = (text: string): EndpointPlan => {
  // Plans of before there were fronts have no list of them.
  const value = { fronts: [], ...(parseJson(text) ?? {}) } as Partial<EndpointPlan> & { readonly format?: unknown }
  if (typeof value.format === 'number' && value.format > 1) {
    throw new LarderError('store-newer', `expected a list of endpoints of format 1, found format ${value.format}`)
  }
  if (value.format !== 1 || !isPlan(value)) throw new LarderError('store-corrupt', 'the list of endpoints to serve is damaged')
  return value
}

/** Null where there is no whole report yet, or none that can be read: the process makes another one when it is signalled. */
export const parseReport = (text: string | null): EndpointReport | null => {
  try {
    const { pid, revision, failures } = JSON.parse(text ?? '') as Partial<EndpointReport>
    return typeof pid === 'number' && typeof revision === 'number' && typeof failures === 'object'
      ? { pid, revision, failures }
      : null
  } catch {
    return null // damaged
  }
}
