import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { LarderError } from '../errors.ts'
import type { Endpoint, ProcessIdentity } from '../model/group.ts'
import type { Balancer } from '../ports/balancer.ts'
import { until } from '../testing/busy-machine.ts'
import { openBalancer, tableOf } from './balancer.ts'
import { discoveryText } from './endpointd/protocol.ts'
import { createLinuxHost } from './linux.ts'
import { applyRules } from './nftables.ts'
import { removalText } from './nftables-rules.ts'
import { canUseNftables } from './nftables-try.ts'
import { askName, exchange, listenNamed, nft, openTestFilter, randomLoopbackPrefix } from './testing.ts'

const capability = await canUseNftables(nft)
const port = 11_211

interface World {
  readonly home: string
  readonly at: (last: number) => Endpoint
  /** As one run of Larder: `end` it before the next. */
  open(allowNft?: boolean, lingerMs?: number): Promise<Balancer>
  end(): void
  /** The processes that serve endpoints. */
  servers(): Promise<readonly ProcessIdentity[]>
}

const host = createLinuxHost()

const inWorld = (name: string, body: (world: World) => Promise<void>): void => {
  test(name, async () => {
    const home = mkdtempSync(join(tmpdir(), 'larder-balancer-'))
    const prefix = randomLoopbackPrefix()
    let abort = new AbortController()
    const servers = (): Promise<readonly ProcessIdentity[]> => host.findByTag(`${home}/`)
    try {
      await body({
        home,
        at: (last) => ({ address: `${prefix}.${last}`, port }),
        open: async (allowNft = false, lingerMs = 100) => {
          abort.abort()
          abort = new AbortController()
          const filter = await openTestFilter(home, abort.signal)
          return openBalancer({
            home,
            nft,
            filter,
            allowNft,
            host: createLinuxHost(),
            log: () => undefined,
            signal: abort.signal,
            lingerMs,
          })
        },
        end: () => abort.abort(),
        servers,
      })
    } finally {
      abort.abort()
      if (capability.ok) await applyRules(nft, removalText(await tableOf(home)))
      for (const { pid } of await servers()) process.kill(pid, 'SIGKILL')
      rmSync(home, { recursive: true, force: true, maxRetries: 5 })
    }
  })
}

const answerFor = (version: number, nodes: readonly Endpoint[]): string => {
  const text = discoveryText({ version, nodes })
  return `CONFIG cluster 0 ${text.length}\r\n${text}\r\nEND\r\n`
}

const ask = ({ address }: Endpoint): Promise<string> => exchange(address, port, 'config get cluster\r\n')
const nameAt = (endpoint: Endpoint): Promise<string> => askName(endpoint.address, endpoint.port)

const rejectsWith = (code: string) => (error: unknown) => error instanceof LarderError && error.code === code

inWorld('a discovery endpoint is in force when the call resolves, and the last call wins', async ({ at, open, servers }) => {
  const balancer = await open()
  assert.deepEqual(await balancer.list(), [])
  assert.equal((await servers()).length, 0, 'no process without need')
  await balancer.setDiscovery(at(9), { version: 1, nodes: [at(1)] })
  assert.equal(await ask(at(9)), answerFor(1, [at(1)]))
  for (let version = 2; version < 10; version += 1) {
    await balancer.setDiscovery(at(9), { version, nodes: [at(1), at(2)] })
    assert.equal(await ask(at(9)), answerFor(version, [at(1), at(2)]))
  }
  assert.deepEqual(await balancer.list(), [`${at(9).address}:${port}`])
  assert.equal((await servers()).length, 1)
})

inWorld('one process serves all endpoints of a home, in little memory', async ({ at, open, servers }) => {
  const balancer = await open()
  const endpoints = Array.from({ length: 20 }, (_, index) => at(index + 1))
  await Promise.all(endpoints.map((endpoint, index) => balancer.setDiscovery(endpoint, { version: index, nodes: [] })))
  for (const [index, endpoint] of endpoints.entries()) assert.equal(await ask(endpoint), answerFor(index, []))
  const found = await servers()
  const [server] = found
  assert.ok(server !== undefined && found.length === 1)
  const resident = (await host.sample(server))?.residentBytes ?? 0
  assert.ok(resident > 0 && resident < 64_000_000, `resident ${resident}`)
})

inWorld('killing Larder is not noticed by clients, and the next run adopts the process', async ({ home, at, open, servers }) => {
  const script = join(home, 'service.ts')
  const module = (name: string): string => JSON.stringify(fileURLToPath(new URL(name, import.meta.url)))
  writeFileSync(
    script,
    `import { openBalancer } from ${module('./balancer.ts')}
     import { createLinuxHost } from ${module('./linux.ts')}
     const balancer = await openBalancer({
       home: ${JSON.stringify(home)}, nft: null, filter: null, allowNft: false, host: createLinuxHost(), log: () => undefined,
       signal: new AbortController().signal,
     })
     await balancer.setDiscovery(${JSON.stringify(at(9))}, { version: 5, nodes: [${JSON.stringify(at(1))}] })
     console.log('in force')
     setInterval(() => undefined, 1e6)`,
  )
  const service = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(service.stdout, 'data')
  const client = connect(port, at(9).address)
  try {
    await once(client, 'connect')
    service.kill('SIGKILL')
    await once(service, 'exit')
    client.write('config get cluster\r\n')
    assert.equal(String((await once(client, 'data'))[0]), answerFor(5, [at(1)]))

    const before = await servers()
    const balancer = await open()
    assert.deepEqual(await balancer.list(), [`${at(9).address}:${port}`])
    await balancer.setDiscovery(at(9), { version: 6, nodes: [at(1), at(2)] })
    assert.deepEqual(await servers(), before)
    client.write('config get cluster\r\n')
    assert.equal(String((await once(client, 'data'))[0]), answerFor(6, [at(1), at(2)]))
  } finally {
    client.destroy()
    service.kill('SIGKILL')
  }
})

inWorld(
  'a serving process that was killed is brought back, at once by the next change and otherwise soon',
  async ({ at, open, servers }) => {
    const balancer = await open()
    await balancer.setDiscovery(at(9), { version: 1, nodes: [] })
    const kill = async (): Promise<ProcessIdentity> => {
      const [server] = await servers()
      assert.ok(server)
      process.kill(server.pid, 'SIGKILL')
      await host.waitGone(server, AbortSignal.timeout(5_000))
      return server
    }
    const first = await kill()
    await balancer.setDiscovery(at(9), { version: 2, nodes: [] })
    assert.equal(await ask(at(9)), answerFor(2, []))
    assert.notDeepEqual(await servers(), [first])
    await kill()
    await until('it serves again', async () => (await ask(at(9))) === answerFor(2, []))
  },
)

inWorld('after a reboot everything that was served is served again by opening the home', async ({ at, open, end, servers }) => {
  await (await open()).setDiscovery(at(9), { version: 4, nodes: [at(1)] })
  end()
  for (const server of await servers()) {
    process.kill(server.pid, 'SIGKILL')
    await host.waitGone(server, AbortSignal.timeout(5_000))
  }
  const balancer = await open()
  assert.equal(await ask(at(9)), answerFor(4, [at(1)]))
  assert.deepEqual(await balancer.list(), [`${at(9).address}:${port}`])
})

inWorld(
  'a change that was written just before a crash is in force after the next start',
  async ({ home, at, open, end, servers }) => {
    await (await open()).setDiscovery(at(9), { version: 1, nodes: [] })
    end()
    const path = join(home, 'endpoints', 'plan.json')
    const plan = JSON.parse(readFileSync(path, 'utf8')) as { revision: number; discoveries: { version: number }[] }
    const before = await servers()
    writeFileSync(
      path,
      JSON.stringify({
        ...plan,
        revision: plan.revision + 1,
        discoveries: plan.discoveries.map((entry) => ({ ...entry, version: 2 })),
      }),
    )
    await open()
    assert.equal(await ask(at(9)), answerFor(2, []))
    assert.deepEqual(await servers(), before)
  },
)

inWorld('an address that somebody else listens on is said, and is served as soon as it is free', async ({ at, open }) => {
  const balancer = await open()
  await balancer.setDiscovery(at(8), { version: 1, nodes: [] })
  {
    await using _other = await listenNamed(at(9).address, port, 'other')
    await assert.rejects(balancer.setDiscovery(at(9), { version: 1, nodes: [] }), rejectsWith('address-taken'))
    assert.deepEqual(await balancer.list(), [`${at(8).address}:${port}`])
    await balancer.setDiscovery(at(8), { version: 2, nodes: [] })
    assert.equal(await ask(at(8)), answerFor(2, []))
  }
  await until('the address is served', async () => (await ask(at(9))) === answerFor(1, []))
})

inWorld('a report that cannot be written for a while keeps no address from being served later', async ({ home, at, open }) => {
  const balancer = await open()
  await balancer.setDiscovery(at(8), { version: 1, nodes: [] })
  const report = join(home, 'endpoints', 'report.json')
  {
    await using _other = await listenNamed(at(9).address, port, 'other')
    await assert.rejects(balancer.setDiscovery(at(9), { version: 1, nodes: [] }), rejectsWith('address-taken'))
    rmSync(report)
    mkdirSync(report)
    const said = (): string => readFileSync(join(home, 'endpoints', 'endpoints.log'), 'utf8')
    await until('it cannot write', () => said().includes('the plan could not be put in force'))
  }
  rmSync(report, { recursive: true })
  await until('the address is served', async () => (await ask(at(9))) === answerFor(1, []))
})

inWorld('a list of endpoints that is damaged or newer is refused and left as it is', async ({ home, at, open }) => {
  await (await open()).setDiscovery(at(9), { version: 1, nodes: [] })
  const path = join(home, 'endpoints', 'plan.json')
  for (const [text, code] of [
    ['{', 'store-corrupt'],
    ['[]', 'store-corrupt'],
    [
      '{"format":1,"revision":1,"readers":[{"endpoint":{"address":"x","port":1},"backends":[]}],"discoveries":[]}',
      'store-corrupt',
    ],
    ['{"format":2}', 'store-newer'],
  ] as const) {
    writeFileSync(path, text)
    await assert.rejects(open(), rejectsWith(code))
    assert.equal(readFileSync(path, 'utf8'), text)
  }
  assert.equal(await ask(at(9)), answerFor(1, []), 'what was in force stays so')
})

inWorld('the process stays when there is nothing left to serve, and is the one that serves what comes next', async (world) => {
  const { at, open, servers } = world
  const balancer = await open(false, 60_000)
  await balancer.setDiscovery(at(8), { version: 1, nodes: [] })
  const before = await servers()
  await balancer.remove(at(8))
  assert.deepEqual(await balancer.list(), [])
  await balancer.setDiscovery(at(9), { version: 1, nodes: [] })
  assert.equal(await ask(at(9)), answerFor(1, []))
  assert.deepEqual(await servers(), before)
  await balancer.remove(at(9))
  await balancer.clear()
  assert.equal((await servers()).length, 0)
})

inWorld('the process ends when there has been nothing to serve for a while', async ({ at, open, servers }) => {
  const balancer = await open()
  await balancer.setDiscovery(at(8), { version: 1, nodes: [] })
  await balancer.setDiscovery(at(9), { version: 1, nodes: [] })
  const client = connect(port, at(9).address)
  client.on('error', () => client.destroy())
  const closed = once(client, 'close')
  await once(client, 'connect')
  await balancer.remove(at(9))
  await closed
  await balancer.remove(at(9))
  assert.equal((await servers()).length, 1)
  await balancer.remove(at(8))
  await until('no process is left', async () => (await servers()).length === 0)
  assert.deepEqual(await balancer.list(), [])
  // And is there again when it is needed.
  await balancer.setDiscovery(at(9), { version: 2, nodes: [] })
  assert.equal(await ask(at(9)), answerFor(2, []))
  await balancer.clear()
  assert.equal((await servers()).length, 0)
  assert.deepEqual(await balancer.list(), [])
})

/** The same for the kernel and for the forwarder: what a client of a reader endpoint sees. */
const readerTests = (way: string, allowNft: boolean): void => {
  inWorld(`${way}: connections go to the replicas in turn, as the last call says`, async ({ at, open, servers }) => {
    await using _one = await listenNamed(at(1).address, port)
    await using _two = await listenNamed(at(2).address, port)
    const balancer = await open(allowNft)
    await balancer.setReader(at(9), [at(1), at(2)])
    const names = []
    for (let index = 0; index < 6; index += 1) names.push(await nameAt(at(9)))
    assert.deepEqual(
      names.toSorted(),
      [at(1), at(1), at(1), at(2), at(2), at(2)].map(({ address }) => address),
    )
    assert.deepEqual(await balancer.list(), [`${at(9).address}:${port}`])
    const open1 = connect(port, at(9).address)
    try {
      const served = String((await once(open1, 'data'))[0])
      await balancer.setReader(at(9), [at(2)])
      for (let index = 0; index < 3; index += 1) assert.equal(await nameAt(at(9)), at(2).address)
      open1.write('still?')
      assert.equal(String((await once(open1, 'data'))[0]), 'still?', `a connection to ${served} goes on`)
    } finally {
      open1.destroy()
    }
    await balancer.setReader(at(9), [])
    await assert.rejects(nameAt(at(9)))
    await balancer.remove(at(9))
    await assert.rejects(nameAt(at(9)), /ECONNREFUSED/)
    await until('no process is left', async () => (await servers()).length === 0)
  })

  inWorld(`${way}: a reader stays in force without Larder, and is taken over`, async ({ at, open, end }) => {
    await using _one = await listenNamed(at(1).address, port)
    await (await open(allowNft)).setReader(at(9), [at(1)])
    end()
    assert.equal(await nameAt(at(9)), at(1).address)
    const balancer = await open(allowNft)
    assert.deepEqual(await balancer.list(), [`${at(9).address}:${port}`])
    assert.equal(await nameAt(at(9)), at(1).address)
    await balancer.clear()
    assert.deepEqual(await balancer.list(), [])
    await assert.rejects(nameAt(at(9)), /ECONNREFUSED/)
  })
}

readerTests('forwarder', false)
readerTests(capability.ok ? 'kernel' : 'forwarder, because the kernel may not be used', true)

inWorld('the forwarder passes over replicas that refuse', async ({ at, open }) => {
  await using _two = await listenNamed(at(2).address, port)
  const balancer = await open(false)
  await balancer.setReader(at(9), [at(1), at(2), at(3)])
  for (let index = 0; index < 6; index += 1) assert.equal(await nameAt(at(9)), at(2).address)
})

inWorld('readers go over from the forwarder to the kernel and back, and connections go on', async ({ at, open, servers }) => {
  await using _one = await listenNamed(at(1).address, port)
  await (await open(false)).setReader(at(9), [at(1)])
  const client = connect(port, at(9).address)
  try {
    await once(client, 'data')
    const kernel = await open(true)
    assert.equal(await nameAt(at(9)), at(1).address)
    assert.deepEqual(await kernel.list(), [`${at(9).address}:${port}`])
    client.write('here')
    assert.equal(String((await once(client, 'data'))[0]), 'here')
  } finally {
    client.destroy()
  }
  if (capability.ok) await until('the forwarder has ended', async () => (await servers()).length === 0)
  const back = await open(false)
  assert.deepEqual(await back.list(), [`${at(9).address}:${port}`])
  assert.equal(await nameAt(at(9)), at(1).address)
  assert.equal((await servers()).length, 1)
})
