/**
 * Which operations of the API are there: writes docs/api-coverage.md from the model of AWS and the registry of actions.
 * Run with `--check` it writes nothing, and exits 1 where the file says something else.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { operations } from './protocols/query/schema.ts'
import { emptyActions } from './services/elasticache/empty/index.ts'
import { actions } from './services/elasticache/index.ts'

/** An operation stands under the first heading whose pattern it has. */
const resources: readonly (readonly [heading: string, names: RegExp])[] = [
  ['Replication groups', /^(?!.*Global).*(ReplicationGroup|ReplicaCount|Failover|Migration)/],
  ['Cache clusters', /CacheCluster|AllowedNodeType/],
  ['Parameter groups', /Parameter/],
  ['Subnet groups', /SubnetGroup/],
  ['Tags', /Tags/],
  ['Engine versions', /EngineVersion/],
  ['Events', /Events/],
  ['Global replication groups', /GlobalReplicationGroup/],
  ['Users and user groups', /User/],
  ['Serverless caches and their snapshots', /Serverless/],
  ['Snapshots', /Snapshot/],
  ['Service updates', /Update/],
  ['Reserved nodes', /Reserved/],
  ['Security groups (EC2-Classic)', /SecurityGroup/],
]

const headingOf = (operation: string): string => {
  const found = resources.find(([, names]) => names.test(operation))
  if (found === undefined) throw new TypeError(`expected a resource for the operation ${operation} in ${import.meta.filename}`)
  return found[0]
}

/**
 * The document. `known`: all operations of AWS; `answered`: those that Larder answers; `empty`: those of them that can only say that there is
 * nothing, which count as such. Throws for one that AWS does not have.
 */
export const coverageDocument = (known: readonly string[], answered: readonly string[], empty: readonly string[]): string => {
  const there = answered.filter((name) => !empty.includes(name))
  const stray = [...answered, ...empty].find((name) => !known.includes(name))
  if (stray !== undefined) throw new TypeError(`expected actions that AWS has, found ${stray}`)
  const groups = resources
    .map(([heading]) => ({ heading, names: known.filter((name) => headingOf(name) === heading).sort() }))
    .filter(({ names }) => names.length > 0)
  const count = (names: readonly string[]): number => names.filter((name) => there.includes(name)).length
  const stateOf = (name: string): string => {
    if (empty.includes(name)) return 'empty until there are any'
    return there.includes(name) ? 'there' : 'not yet'
  }
  const sections = groups.map(({ heading, names }) => {
    const rows = names.map((name) => `| ${name} | ${stateOf(name)} |`)
    return `## ${heading}: ${count(names)} of ${names.length}\n\n| operation | |\n|---|---|\n${rows.join('\n')}\n`
  })
  return `# Coverage of the API

This file is made by \`npm run coverage\` from the model that AWS ships and from the actions that Larder has. Do not edit it.

**${there.length} of ${known.length} operations are there.** ${empty.length} more are about resources that cannot be made yet: they answer an empty list, or that what
is named does not exist. The others answer the error \`NotYetImplemented\`, which says so. \`GetCallerIdentity\` of STS is answered on the same
port, because AWS's own tools ask for it.

${sections.join('\n')}`
}

const file = fileURLToPath(new URL('../../../../docs/api-coverage.md', import.meta.url))

const present = (): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

if (import.meta.main) {
  const document = coverageDocument([...operations.keys()], Object.keys(actions), Object.keys(emptyActions))
  if (!process.argv.includes('--check')) writeFileSync(file, document)
  else if (present() !== document) {
    process.stderr.write('docs/api-coverage.md is not up to date: run `npm run coverage`\n')
    process.exitCode = 1
  }
}
