/** Listens for the endpoints of a plan. */
import { createServer, type Server, type Socket } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import type { Discovery } from '../../ports/balancer.ts'
import type { Log } from '../../ports/log.ts'
import { serveDiscovery } from './discovery.ts'
import { forwardTo, startingAt } from './forward.ts'
import { serveFront } from './front.ts'
import { type DiscoveryPlan, type EndpointPlan, endpointKey, type FrontPlan, type ReaderPlan } from './plan.ts'
import { ConnectionEnded } from './sockets.ts'

type Wanted =
  | { readonly serves: 'reader'; readonly plan: ReaderPlan }
  | { readonly serves: 'discovery'; readonly plan: DiscoveryPlan }
  | { readonly serves: 'front'; readonly plan: FrontPlan }

interface Service {
  readonly server: Server
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

const listen = async (wanted: Wanted, log: Log): Promise<Service> => {
  const server = createServer({ allowHalfOpen: true })
  const service: Service = { server, sockets: new Set(), wanted, turn: -1 }
  server.on('connection', (client) => serve(service, client, log))
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

const wantedBy = (plan: EndpointPlan): ReadonlyMap<string, Wanted> =>
  new Map<string, Wanted>([
    ...plan.readers.map((reader): [string, Wanted] => [endpointKey(reader.endpoint), { serves: 'reader', plan: reader }]),
    ...plan.fronts.map((front): [string, Wanted] => [endpointKey(front.endpoint), { serves: 'front', plan: front }]),
    ...plan.discoveries.map((entry): [string, Wanted] => [endpointKey(entry.endpoint), { serves: 'discovery', plan: entry }]),
  ])

export const createServices = (log: Log): Services => {
  const services = new Map<string, Service>()
  let told: Readonly<Record<string, string>> = {}

  const drop = async (key: string, service: Service): Promise<void> => {
    services.delete(key)
    await close(service)
    log('info', 'an endpoint is served no more', { endpoint: key })
  }

  const add = async (key: string, wanted: Wanted): Promise<void> => {
    services.set(key, await listen(wanted, log))
    log('info', 'an endpoint is served', { endpoint: key, as: wanted.serves })
  }

  return {
    apply: async (plan) => {
      const all = wantedBy(plan)
      await Promise.all(
        [...services].map(([key, service]) => (all.get(key)?.serves === service.wanted.serves ? null : drop(key, service))),
      )
      const failures: Record<string, string> = {}
      await Promise.all(
        [...all].map(async ([key, wanted]) => {
          const service = services.get(key)
          if (service !== undefined) service.wanted = wanted
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
