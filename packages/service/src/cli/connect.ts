import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openCatalog } from '../engines/catalog.ts'
import { engineTool } from '../engines/tools.ts'
import { LarderError } from '../errors.ts'
import type { Endpoint } from '../model/group.ts'
import { existingHome } from './access.ts'
import { type Found, findNamed } from './groups.ts'
import { converse } from './memcached-terminal.ts'
import { currentReport } from './report.ts'
import { runForeground } from './spawned.ts'

const endpointOf = ({ group, node }: Found): Endpoint => {
  const first = node ?? group.shards[0]?.nodes[0]
  const own = first?.address == null ? null : { address: first.address, port: first.port }
  const endpoint = node === null ? (group.endpoints.primary ?? group.endpoints.configuration ?? own) : own
  if (endpoint === null) throw new LarderError('usage', `${group.id} has no address yet: it is ${group.status}`)
  return endpoint
}

/** `larder connect ID [command...]`: the engine's own command line on a group, a cluster or a node. */
export const connect = async ([name, ...rest]: readonly string[]): Promise<number> => {
  if (name === undefined) throw new LarderError('usage', 'expected: larder connect ID [command...]')
  const found = findNamed(await currentReport(), name)
  const { address, port } = endpointOf(found)
  const authority = join(existingHome().home.tlsFolder, 'ca.crt')
  if (found.group.kind === 'memcached') {
    return converse(
      { address, port },
      rest,
      found.group.tls ? readFileSync(authority, 'utf8') : null,
      process.env['LARDER_AUTH_TOKEN'],
    )
  }
  const catalog = openCatalog(process.env)
  const engine = found.group.shards[0]?.nodes[0]
  const installed = engine === undefined ? null : catalog.find(engine.engine, engine.version)
  const cli = [installed, ...catalog.list()]
    .map((each) => (each === null ? null : engineTool(each, 'cli', process.env)))
    .find((tool) => tool != null)
  if (cli == null)
    throw new LarderError(
      'machine',
      'expected valkey-cli or redis-cli, found none; set it up with: npx larder engines install valkey@9.1',
    )
  const tls = found.group.tls ? ['--tls', '--cacert', authority] : []
  const cluster = found.group.kind === 'cme' ? ['-c'] : []
  return runForeground(
    [...cli, '-h', address, '-p', String(port), ...tls, ...cluster, ...rest],
    process.env,
    'set it up with: npx larder engines install valkey@9.1',
  )
}
