/** `npm run bench -- NAME [--rounds N] [--only TEXT]`: lines for people first, then one line with a JSON object of all figures. */
import { parseArgs } from 'node:util'
import { runAdopt } from './adopt.ts'
import { runApi } from './api.ts'
import { runCache } from './cache.ts'
import { runDataPath } from './data-path.ts'
import { runFailover } from './failover.ts'
import { runIamAuth } from './iam-auth.ts'
import { runIdle } from './idle.ts'
import { runLeaderboards } from './leaderboards.ts'
import { runLoaded } from './loaded.ts'
import { runProvisioning } from './provisioning.ts'
import { runSessions } from './sessions.ts'
import type { Benchmark } from './support/benchmark.ts'
import { runTls } from './tls.ts'
import { runZoneLoss } from './zone-loss.ts'

const benchmarks: Readonly<Record<string, Benchmark>> = {
  'data-path': {
    about: 'GET and SET through Larder’s endpoints, beside the same engine started by hand',
    rounds: 9,
    run: runDataPath,
  },
  provisioning: {
    about: 'time to the first command of a new group, beside scripts that start and join the same engines',
    rounds: 5,
    run: runProvisioning,
  },
  api: { about: 'latency of Describe operations with 1, 100 and 1,000 groups', rounds: 200, run: runApi },
  failover: {
    about:
      'how long clients cannot write when a primary is killed, hangs, is switched, or loses its zone; beside Sentinel and the engine’s own election',
    rounds: 30,
    run: runFailover,
  },
  loaded: {
    about:
      'how long clients cannot write when a primary is killed on a machine with other work; beside Sentinel under the same load',
    rounds: 20,
    run: runLoaded,
  },
  'zone-loss': {
    about: 'one of three zones killed at once, with 20 to 200 nodes: until the last group takes writes again',
    rounds: 5,
    run: runZoneLoss,
  },
  tls: {
    about: 'GET, SET and new connections under TLS, beside the same engine under TLS started by hand',
    rounds: 9,
    run: runTls,
  },
  cache: {
    about: 'the application library beside bentocache, cache-manager, cacheable and a cache by hand',
    rounds: 7,
    run: runCache,
  },
  sessions: {
    about: 'requests that read, change and touch sessions, beside connect-redis',
    rounds: 7,
    run: runSessions,
  },
  leaderboards: {
    about: 'a board of a million members, beside redis-rank',
    rounds: 5,
    run: runLeaderboards,
  },
  'iam-auth': {
    about: 'logins by IAM beside logins by password, and GET and SET after either',
    rounds: 7,
    run: runIamAuth,
  },
  idle: { about: 'processor time and memory of Larder with 30 and 150 nodes at rest', rounds: 3, run: runIdle },
  adopt: { about: 'Larder killed and started again with 30 nodes under load', rounds: 5, run: runAdopt },
}

const list = (): string =>
  Object.entries(benchmarks)
    .map(([name, { about, rounds }]) => `  ${name.padEnd(14)}${about} (--rounds ${rounds})\n`)
    .join('')

const main = async (): Promise<number> => {
  const { values, positionals } = parseArgs({
    options: { rounds: { type: 'string' }, only: { type: 'string', default: '' } },
    allowPositionals: true,
  })
  const name = positionals[0]
  const benchmark = name === undefined ? undefined : benchmarks[name]
  if (benchmark === undefined) {
    process.stdout.write(`npm run bench -- NAME [--rounds N] [--only TEXT]\n${list()}`)
    return name === undefined ? 0 : 2
  }
  const rounds = Number(values.rounds ?? benchmark.rounds)
  if (!Number.isInteger(rounds) || rounds < 1) throw new TypeError(`expected --rounds to be 1 or more, found ${values.rounds}`)
  const ending = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(name, () => ending.abort(new Error(`ended by ${name}`)))
  const figures = await benchmark.run({
    rounds,
    only: values.only,
    say: (line) => process.stdout.write(`${line}\n`),
    signal: ending.signal,
  })
  process.stdout.write(`${JSON.stringify({ benchmark: name, ...figures })}\n`)
  return 0
}

process.exitCode = await main()
