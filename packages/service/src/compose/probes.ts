/** How nodes are asked how they are: by the service, and by a command without it. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Connections, connectionName } from '../controllers/groups/connections.ts'
import { adapterFor } from '../engines/index.ts'
import { LarderError } from '../errors.ts'
import type { Home } from '../home/home.ts'
import type { Secrets } from '../home/secrets.ts'
import type { GroupSpec, NodeState } from '../model/group.ts'
import { reachOf } from '../model/memcached.ts'
import { createProbe } from '../observe/probes.ts'
import type { Probe } from '../observe/report.ts'
import type { EngineControl } from '../ports/engine.ts'
import type { Host } from '../ports/host.ts'
import { openAuthority } from '../security/tls/authority.ts'
import { systemClock } from './clock.ts'
import { placeIn } from './home.ts'

const connectDeadlineMs = 500

/** Whoever only looks makes no authority. */
const bundleOf = (home: Home): string => {
  if (existsSync(join(home.tlsFolder, 'ca.crt'))) return openAuthority(home.tlsFolder, systemClock.now).bundle
  throw new LarderError('store-lost', `expected the authority of ${home.path} in ${home.tlsFolder}, found none`)
}

const tagIn = (home: Home) => (region: string, nodeId: string) => placeIn(home)(region, nodeId).tag

/** A new connection to a node. Whoever asks for it closes it. */
const connectAnew =
  (home: Home, secrets: Secrets) =>
  async (spec: GroupSpec, node: NodeState): Promise<EngineControl> => {
    const { socket } = placeIn(home)(spec.region, node.id)
    const own = { socket, address: node.address, port: node.port, secrets, kind: spec.kind }
    const reach = reachOf(spec, node, () => bundleOf(home))
    return adapterFor(node.engine).connect(reach === null ? own : { ...own, reach }, connectDeadlineMs)
  }

/** Asks a node itself, over a connection of its own. */
export const probeWith = (home: Home, host: Host, secrets: Secrets): Probe => {
  const anew = connectAnew(home, secrets)
  const connect = async (spec: GroupSpec, node: NodeState) => ({ control: await anew(spec, node), own: true })
  return createProbe({ host, tag: tagIn(home), connect })
}

/** Asks over the connections that the controllers hold; over one of its own where there is none. */
export const probeOver = (home: Home, host: Host, secrets: Secrets, connections: Connections): Probe => {
  const anew = connectAnew(home, secrets)
  const connect = async (spec: GroupSpec, node: NodeState) => {
    const present = connections.present(connectionName(spec.region, node))
    return present === null ? { control: await anew(spec, node), own: true } : { control: await present, own: false }
  }
  return createProbe({ host, tag: tagIn(home), connect })
}
