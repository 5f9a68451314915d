/** Listens for the endpoints of a plan. */
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls'
import { isDeepStrictEqual } from 'node:util'
import type { Discovery } from '../../ports/balancer.ts'
import type { NodeCertificate } from '../../ports/certificates.ts'
import type { Log } from '../../ports/log.ts'
import { serveDiscovery } from './discovery.ts'
import { forwardTo, startingAt } from './forward.ts'
import { serveFront } from './front.ts'
import { createGuests, type Guests } from './guests.ts'
import { type DiscoveryPlan, type EndpointPlan, endpointKey, type FrontPlan, type ReaderPlan } from './plan.ts'
import { ConnectionEnded } from './sockets.ts'

/** Whoever says nothing does not keep a listening socket from being closed for longer. */
const handshakeMs = 5_000

type Wanted =
  | { readonly serves: 'reader'; readonly plan: ReaderPlan }
  | { readonly serves: 'discovery'; readonly plan: DiscoveryPlan }
  | { readonly serves: 'front'; readonly plan: FrontPlan }

interface Service {
  readonly server: Server
  /** The same server, where its clients speak TLS. */
  readonly tls: TlsServer | null
  readonly sockets: Set<Socket>
  /** New connections follow this; it is replaced in place, so that no listening socket is closed by a change. */
  wanted: Wanted
  turn: number
}

export interface Services {
  /** Puts a plan in force; gives back which endpoints cannot be served, and why. They are tried again with the next plan. */
  apply(plan: EndpointPlan): Promise<Readonly<Record<string, string>>>
}

const serve = (service: Service, client: Socket, log: Log): void => {
  service.sockets.add(client)
  client.on('error', () => client.destroy())
  client.once('close', () => service.sockets.delete(client))
  client.setNoDelay(true)
  const { wanted } = service
  if (wanted.serves === 'reader') {
    service.turn += 1
    void forwardTo(client, startingAt(wanted.plan.backends, service.turn))
    return
  }
  if (wanted.serves === 'front') {
    void serveFront(client, wanted.plan)
    return
  }
  const current = (): Discovery => (service.wanted.serves === 'discovery' ? service.wanted.plan : wanted.plan)
  serveDiscovery(client, current).catch((error: unknown) => {
    if (!(error instanceof ConnectionEnded)) log('error', 'a discovery connection failed', { error })
    client.destroySoon()
  })
}

const certificateOf = (wanted: Wanted): NodeCertificate | undefined =>
  wanted.serves === 'discovery' ? wanted.plan.tls : undefined

const contextOf = ({ certificate, key }: NodeCertificate) => ({
  cert: certificate,
  key,
  minVersion: 'TLSv1.2' as const,
  // Of TLS 1.2 as the nodes; those of 1.3 are named one by one.
  ciphers: 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:ECDHE+AESGCM:ECDHE+CHACHA20',
})

const listen = async (wanted: Wanted, guests: Guests, log: Log): Promise<Service> => {
  const certificate = certificateOf(wanted)
  const tls =
    certificate === undefined
      ? null
      : createTlsServer({ allowHalfOpen: true, handshakeTimeout: handshakeMs, ...contextOf(certificate) })
  const server = tls ?? createServer({ allowHalfOpen: true })
  const service: Service = { server, tls, sockets: new Set(), wanted, turn: -1 }
  if (tls === null) server.on('connection', (client: Socket) => guests.admit(client) && serve(service, client, log))
  else {
    // Whoever is still in the handshake counts too.
    server.on('connection', (client: Socket) => guests.admit(client))
    tls.on('secureConnection', (client) => serve(service, client, log))
  }
  // Whoever does not get as far as that is dropped, and nobody else minds.
  tls?.on('tlsClientError', (_error, client) => client.destroy())
  const { address, port } = wanted.plan.endpoint
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: address, port }, resolve)
  })
  server.removeAllListeners('error')
  server.on('error', (error) => log('error', 'a listening socket failed', { endpoint: endpointKey(wanted.plan.endpoint), error }))
  return service
}

/**
 * Resolves when the address is free. Reads through a reader endpoint run to their end, as they do where the kernel balances; so do connections through a
 * front, of which the engine closes those that are not right any more.
 */
const close = async (service: Service): Promise<void> => {
  const closed = new Promise<void>((resolve) => service.server.close(() => resolve()))
  if (service.wanted.serves !== 'discovery') return
  for (const socket of service.sockets) socket.destroy()
  await closed
}

/** Connections that are open go on with the certificate that they have seen. */
const follow = (service: Service, wanted: Wanted): void => {
  const certificate = certificateOf(wanted)
  if (certificate !== undefined && certificate.certificate !== certificateOf(service.wanted)?.certificate)
    service.tls?.setSecureContext(contextOf(certificate))
  service.wanted = wanted
}

/** A listening socket can go on: it serves the same, and both with or both without TLS. */
const isSame = (service: Service, wanted: Wanted | undefined): boolean =>
  wanted?.serves === service.wanted.serves && (certificateOf(wanted) === undefined) === (service.tls === null)

const wantedBy = (plan: EndpointPlan): ReadonlyMap<string, Wanted> =>
  new Map<string, Wanted>([
    ...plan.readers.map((reader): [string, Wanted] => [endpointKey(reader.endpoint), { serves: 'reader', plan: reader }]),
    ...plan.fronts.map((front): [string, Wanted] => [endpointKey(front.endpoint), { serves: 'front', plan: front }]),
    ...plan.discoveries.map((entry): [string, Wanted] => [endpointKey(entry.endpoint), { serves: 'discovery', plan: entry }]),
  ])

export const createServices = (log: Log, guests: Guests = createGuests({ log })): Services => {
  const services = new Map<string, Service>()
  let told: Readonly<Record<string, string>> = {}

  const drop = async (key: string, service: Service): Promise<void> => {
    services.delete(key)
    await close(service)
    log('info', 'an endpoint is served no more', { endpoint: key })
  }

  const add = async (key: string, wanted: Wanted): Promise<void> => {
    services.set(key, await listen(wanted, guests, log))
    log('info', 'an endpoint is served', { endpoint: key, as: wanted.serves })
  }

  return {
    apply: async (plan) => {
      const all = wantedBy(plan)
      await Promise.all([...services].map(([key, service]) => (isSame(service, all.get(key)) ? null : drop(key, service))))
      const failures: Record<string, string> = {}
      await Promise.all(
        [...all].map(async ([key, wanted]) => {
          const service = services.get(key)
          if (service !== undefined) follow(service, wanted)
          else await add(key, wanted).catch((error: Error) => (failures[key] = error.message))
        }),
      )
      if (!isDeepStrictEqual(failures, told) && Object.keys(failures).length > 0)
        log('error', 'endpoints cannot be served', failures)
      told = failures
      return failures
    },
  }
}
