/**
 * Logins by IAM beside logins by password, and GET and SET of those who have logged in either way: on the same node, under TLS, by turns.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CreateUserCommand, CreateUserGroupCommand } from '@aws-sdk/client-elasticache'
import { createClient } from '@redis/client'
import { create, type Place, primaryOf } from '../e2e/support/groups.ts'
import { startTestService, type TestService } from '../e2e/support/service.ts'
import { makeToken, type TokenWish } from '../e2e/support/tokens.ts'
import { openCatalog } from '../packages/service/src/engines/catalog.ts'
import { engineTool } from '../packages/service/src/engines/tools.ts'
import type { BenchmarkOptions } from './support/benchmark.ts'
import { inTurn, median, pairedRatio, round } from './support/figures.ts'
import { onOtherProcessor, pin } from './support/pinning.ts'
import { runTool } from './support/tool.ts'

const id = 'logins'
const password = 'a-password-of-length'
const mostMs = 120_000
const toolDeadlineMs = 60_000
const connections = 10
const loginsOfEach = 100

/** Long enough that the logins of the 50 connections do not count. */
const loads = [
  { name: 'SET', test: 'set', shape: ['-c', '50', '-n', '200000'] },
  { name: 'GET', test: 'get', shape: ['-c', '50', '-n', '200000'] },
] as const

interface Person {
  readonly name: 'iam' | 'password'
  readonly user: string
  readonly secret: string
}

const createPeople = async (service: TestService): Promise<readonly Person[]> => {
  const api = service.client()
  const all = { Engine: 'valkey', AccessString: 'on ~* &* +@all' }
  await api.send(new CreateUserCommand({ ...all, UserId: 'iam-app', UserName: 'iam-app', AuthenticationMode: { Type: 'iam' } }))
  await api.send(new CreateUserCommand({ ...all, UserId: 'pass', UserName: 'pass', Passwords: [password] }))
  await api.send(new CreateUserGroupCommand({ UserGroupId: 'team', Engine: 'valkey', UserIds: ['iam-app', 'pass'] }))
  api.destroy()
  const credentials = JSON.parse(readFileSync(join(service.home, 'secrets.json'), 'utf8')) as TokenWish['credentials']
  return [
    { name: 'iam', user: 'iam-app', secret: await makeToken({ cache: id, user: 'iam-app', credentials }) },
    { name: 'password', user: 'pass', secret: password },
  ]
}

/** Logins a second, over connections that are open, and the time of one, milliseconds. */
const logIn = async ({ host, port }: Place, ca: string, { user, secret }: Person) => {
  const clients = await Promise.all(
    Array.from({ length: connections }, async () => {
      const client = createClient({ socket: { host, port, tls: true, ca }, username: user, password: secret })
      client.on('error', () => undefined) // told by the commands
      return client.connect()
    }),
  )
  const times: number[] = []
  const began = performance.now()
  await Promise.all(
    clients.map(async (client) => {
      for (let turn = 0; turn < loginsOfEach; turn += 1) {
        const from = performance.now()
        await client.sendCommand(['AUTH', user, secret])
        times.push(performance.now() - from)
      }
    }),
  )
  const rate = (1_000 * times.length) / (performance.now() - began)
  for (const client of clients) client.destroy()
  return { rate, time: median(times) }
}

export const runIamAuth = async ({ rounds, say, signal }: BenchmarkOptions) => {
  await using service = await startTestService()
  const people = await createPeople(service)
  const primary = primaryOf(
    await create(service, id, {
      NumCacheClusters: 1,
      AutomaticFailoverEnabled: false,
      TransitEncryptionEnabled: true,
      UserGroupIds: ['team'],
    }),
  )
  const ca = service.larder('ca')
  const authority = join(service.home, 'authority.crt')
  writeFileSync(authority, ca)
  const [node] = await service.nodes()
  const version = node?.version ?? ''
  pin([node?.pid ?? null])
  const engine = openCatalog(process.env).find('valkey', version)
  const tool = engine === null ? null : engineTool(engine, 'benchmark', process.env)
  if (tool === null) throw new Error(`expected valkey ${version} with its benchmark program`)

  const measure = async ({ user, secret }: Person, load: (typeof loads)[number]): Promise<number> => {
    const at = ['-h', primary.host, '-p', String(primary.port), '--tls', '--cacert', authority, '--user', user, '-a', secret]
    const shape = [...load.shape, '-d', '100', '-r', '10000', '-t', load.test, '--csv']
    const { stdout } = await runTool([...onOtherProcessor(tool), ...at, ...shape], { deadlineMs: toolDeadlineMs })
    const rate = Number(/^"(?:SET|GET)[^"]*","([0-9.]+)"/m.exec(stdout)?.[1])
    if (!(rate > 0)) throw new Error(`expected the rate of ${load.name}, found ${stdout}`)
    return rate
  }

  const figures = new Map<string, number[]>()
  const add = (what: string, value: number): void => {
    figures.set(what, [...(figures.get(what) ?? []), value])
  }
  const of = (what: string): readonly number[] => figures.get(what) ?? []
  for (const person of people) await logIn(primary, ca, person) // warms up
  const began = performance.now()
  let done = 0
  for (; done < rounds && (done === 0 || performance.now() - began < mostMs); done += 1)
    for (const person of inTurn(people, done)) {
      signal.throwIfAborted()
      const { rate, time } = await logIn(primary, ca, person)
      add(`logins ${person.name}`, rate)
      add(`time ${person.name}`, time)
    }
  // Apart from the logins: what Larder still writes about those is not to be measured with them.
  for (let turn = 0; turn < done; turn += 1)
    for (const load of loads)
      for (const person of inTurn(people, turn)) {
        signal.throwIfAborted()
        add(`${load.name} ${person.name}`, await measure(person, load))
      }
  const rows = ['logins', ...loads.map(({ name }) => name)].map((what) => ({
    what,
    password_per_s: round(median(of(`${what} password`)), 0),
    iam_per_s: round(median(of(`${what} iam`)), 0),
    ratio: round(pairedRatio(of(`${what} iam`), of(`${what} password`))),
  }))
  const times = { password_ms: round(median(of('time password'))), iam_ms: round(median(of('time iam'))) }
  say(
    `valkey ${version} under TLS, ${done} rounds, medians; logins over ${connections} open connections, one after the other on each`,
  )
  say(`${''.padEnd(10)}${['password/s', 'IAM/s', 'ratio'].map((name) => name.padStart(12)).join('')}`)
  for (const row of rows)
    say(
      `${row.what.padEnd(10)}${[row.password_per_s, row.iam_per_s, row.ratio].map((value) => String(value).padStart(12)).join('')}`,
    )
  say(`one login: password ${times.password_ms} ms, IAM ${times.iam_ms} ms`)
  return { rounds: done, wanted: { throughput_ratio: 'equal' }, rows, login: times }
}
