import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { LarderError } from '../errors.ts'
import type { Firewall, Guard } from '../ports/firewall.ts'
import { startStopwatch } from '../testing/busy-machine.ts'
import { guardTableOf, openFirewall } from './firewall.ts'
import { applyRules, listTables } from './nftables.ts'
import { removalText } from './nftables-rules.ts'
import { canUseNftables } from './nftables-try.ts'
import { askName, listenNamed, nft, openTestFilter, randomLoopbackPrefix } from './testing.ts'

const capability = await canUseNftables(nft)
const skip = capability.ok ? false : `needs nftables: ${capability.reason}`
const port = 7001
const me = process.getuid?.() ?? 0

interface World {
  readonly at: (last: number) => string
  readonly table: string
  open(options?: Partial<Parameters<typeof openFirewall>[0]>): Promise<Firewall>
}

const inWorld = async (body: (world: World) => Promise<void>): Promise<void> => {
  const home = mkdtempSync(join(tmpdir(), 'larder-test-'))
  const prefix = randomLoopbackPrefix()
  const table = await guardTableOf(home)
  const ending = new AbortController()
  const filter = await openTestFilter(home, ending.signal)
  try {
    await body({
      at: (last) => `${prefix}.${last}`,
      table,
      open: (options = {}) =>
        openFirewall({ home, nft, filter, allowNft: true, unenforced: false, user: me, log: () => undefined, ...options }),
    })
  } finally {
    ending.abort()
    if (capability.ok) await applyRules(nft, removalText(table))
    rmSync(home, { recursive: true, force: true })
  }
}

const refused = async (address: string, from: string): Promise<void> => {
  using since = startStopwatch()
  await assert.rejects(askName(address, port, from), (error: NodeJS.ErrnoException) => error.code === 'EHOSTUNREACH')
  assert.ok(since.ms() < 500, 'it is told at once')
}

const guardOf = (addresses: readonly string[], allows: Guard['allows']): Guard => ({ group: 'us-east-1/rg/a', addresses, allows })

test('only sources that are allowed get a connection; members reach each other', { skip }, () =>
  inWorld(async ({ at, open }) => {
    await using _one = await listenNamed(at(1), port)
    await using _two = await listenNamed(at(2), port)
    await using _other = await listenNamed(at(3), port)
    const firewall = await open()
    const networks = ['127.1.0.0/16']
    await firewall.apply([guardOf([at(1), at(2)], [{ ports: { from: port, to: port }, networks, nodes: [at(4)] }])])
    for (const from of ['127.1.2.3', at(1), at(2), at(4)]) assert.equal(await askName(at(1), port, from), at(1), from)
    await refused(at(1), '127.2.2.3')
    await refused(at(2), at(3))
    assert.equal(await askName(at(3), port, '127.2.2.3'), at(3), 'others are not touched')
    await firewall.apply([guardOf([at(1), at(2)], [{ ports: { from: 1, to: port - 1 }, networks, nodes: [] }])])
    await refused(at(1), '127.1.2.3')
  }),
)

test('changes are in force at once, for whoever comes; who is in stays in', { skip }, () =>
  inWorld(async ({ at, open }) => {
    await using _one = await listenNamed(at(1), port)
    const firewall = await open()
    const allows = [{ ports: null, networks: ['127.1.0.0/16'], nodes: [] }]
    await firewall.apply([guardOf([at(1)], allows)])
    const client = connect({ host: at(1), port, localAddress: '127.1.2.3' })
    try {
      await once(client, 'data')
      await firewall.apply([guardOf([at(1)], [])])
      await refused(at(1), '127.1.2.3')
      client.write('still there?')
      assert.equal(String((await once(client, 'data'))[0]), 'still there?')
    } finally {
      client.destroy()
    }
    await firewall.apply([guardOf([at(1)], allows)])
    assert.equal(await askName(at(1), port, '127.1.2.3'), at(1))
  }),
)

test('nobody but the user of the nodes speaks from the addresses of nodes', { skip }, () =>
  inWorld(async ({ at, open }) => {
    await using _one = await listenNamed(at(1), port)
    const guards = [guardOf([at(1), at(2)], [{ ports: null, networks: [], nodes: [at(4)] }])]
    await (await open()).apply(guards)
    for (const from of [at(2), at(4)]) assert.equal(await askName(at(1), port, from), at(1))
    await (await open({ user: me + 1 })).apply(guards)
    for (const from of [at(2), at(4)]) await refused(at(1), from)
  }),
)

test('everybody may reach a group, and its bus nobody but members', { skip }, () =>
  inWorld(async ({ at, open }) => {
    const bus = port + 1
    await using _client = await listenNamed(at(1), port)
    await using _bus = await listenNamed(at(1), bus)
    const firewall = await open()
    await firewall.apply([
      { ...guardOf([at(1), at(2)], [{ ports: null, networks: ['0.0.0.0/0'], nodes: [] }]), bus, optional: true },
    ])
    assert.equal(await askName(at(1), port, '127.1.2.3'), at(1))
    assert.equal(await askName(at(1), bus, at(2)), at(1))
    await assert.rejects(askName(at(1), bus, '127.1.2.3'), { code: 'EHOSTUNREACH' })
  }),
)

test('rules outlive the one who made them, and leave nothing behind', { skip }, () =>
  inWorld(async ({ at, open, table }) => {
    const guards = [guardOf([at(1)], [{ ports: null, networks: ['127.1.0.0/16'], nodes: [] }])]
    await (await open()).apply(guards)
    const second = await open()
    await second.apply(guards)
    await applyRules(nft, removalText(table))
    await second.apply(guards)
    assert.ok((await listTables(nft)).includes(table))
    await second.apply([])
    assert.ok(!(await listTables(nft)).includes(table))
    await second.clear()
  }),
)

test('a home that takes groups without enforcing says nothing against them, and takes rules of before away', { skip }, () =>
  inWorld(async ({ at, open, table }) => {
    const guards = [guardOf([at(1)], [])]
    await (await open()).apply(guards)
    const unenforced = await open({ unenforced: true })
    assert.equal(await unenforced.whyUnguarded(), null)
    await unenforced.apply(guards)
    assert.ok(!(await listTables(nft)).includes(table))
  }),
)

test('where nftables may not be used a guard is refused, with the reason; what needs none is not', async () => {
  for (const [options, reason] of [
    [{ nft: null }, /nft command is not there/],
    [{ nft: ['/bin/false'] }, /cannot be used/],
    [{ allowNft: false }, /LARDER_NFTABLES=off/],
  ] as const) {
    await inWorld(async ({ at, open }) => {
      const firewall = await open(options)
      assert.match((await firewall.whyUnguarded()) ?? '', reason)
      assert.match((await firewall.whyUnguarded()) ?? '', /LARDER_SECURITY_GROUPS=unenforced/)
      await assert.rejects(
        firewall.apply([guardOf([at(1)], [])]),
        (error) => error instanceof LarderError && error.code === 'machine' && reason.test(error.message),
      )
      await firewall.apply([{ ...guardOf([at(1)], []), optional: true }])
      await firewall.apply([])
      await firewall.clear()
    })
  }
})
