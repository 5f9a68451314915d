import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { LarderError } from '../errors.ts'
import { temporaryFolder } from '../home/testing.ts'
import { applyRules, listTables, openReaderTable, type ReaderTable } from './nftables.ts'
import { removalText, tableText } from './nftables-rules.ts'
import { canUseNftables } from './nftables-try.ts'
import { askName, listenNamed, nft, openTestFilter, randomLoopbackPrefix } from './testing.ts'

const capability = await canUseNftables(nft)

/** A place of a test's own; where nftables may not be used, the refusal is what is tested. */
const withTable = (
  name: string,
  body: (world: { readonly table: string; readonly prefix: string; open(): Promise<ReaderTable> }) => Promise<void>,
): void => {
  test(name, async () => {
    const table = `larder_test_${randomBytes(4).toString('hex')}`
    const home = mkdtempSync(join(tmpdir(), 'larder-test-'))
    const ending = new AbortController()
    const open = async (): Promise<ReaderTable> =>
      openReaderTable({ nft, table, filter: await openTestFilter(home, ending.signal), log: () => undefined })
    try {
      if (capability.ok) await body({ table, prefix: randomLoopbackPrefix(), open })
      else {
        await assert.rejects(open, (error) => error instanceof LarderError && error.code === 'machine')
        assert.notEqual(capability.reason, '')
      }
    } finally {
      ending.abort()
      if (capability.ok) await applyRules(nft, removalText(table))
      rmSync(home, { recursive: true, force: true })
    }
  })
}

const inKernel = async (table: string): Promise<boolean> => (await listTables(nft)).includes(table)

const refused = (address: string, port: number): Promise<void> =>
  assert.rejects(
    askName(address, port),
    (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET',
  )

test('a command that is not there, or may not, is an answer and no error', async () => {
  for (const command of [null, ['/nowhere/nft'], ['/bin/false']]) {
    const answer = await canUseNftables(command)
    assert.equal(answer.ok, false)
    assert.ok(!answer.ok && answer.reason.length > 5)
  }
})

test('a good answer holds for the next process, as long as it is made by the same and in the same place', async (context) => {
  if (!capability.ok || nft === null) return context.skip('nftables cannot be used here')
  using folder = temporaryFolder()
  const file = join(folder.path, 'able')
  assert.equal((await canUseNftables(['/bin/false'], file)).ok, false)
  assert.equal(existsSync(file), false)
  const [command, unable] = [
    ['/usr/bin/env', ...nft],
    ['/bin/sh', '-c', 'exit 1'],
  ]
  assert.equal((await canUseNftables(command, file)).ok, true)
  const known = JSON.parse(readFileSync(file, 'utf8')) as { readonly boot: string }
  for (const other of [{ boot: 'of yesterday' }, { network: 'another' }, { rights: [] }]) {
    writeFileSync(file, JSON.stringify({ ...known, nft: unable, ...other }))
    assert.equal((await canUseNftables(unable, file)).ok, false, JSON.stringify(other))
  }
  writeFileSync(file, JSON.stringify({ ...known, nft: unable }))
  assert.equal((await canUseNftables(unable, file)).ok, true)
})

withTable('connections to a reader go to its replicas in turn, and answers come back', async ({ prefix, open }) => {
  await using _a = await listenNamed(`${prefix}.11`, 7001)
  await using _b = await listenNamed(`${prefix}.12`, 7001)
  await using _c = await listenNamed(`${prefix}.13`, 7002)
  const readers = await open()
  const endpoint = { address: `${prefix}.1`, port: 7001 }
  const backends = [
    { address: `${prefix}.11`, port: 7001 },
    { address: `${prefix}.12`, port: 7001 },
    { address: `${prefix}.13`, port: 7002 },
  ]
  await readers.setReader(endpoint, backends)
  const names = []
  for (let index = 0; index < 9; index += 1) names.push(await askName(endpoint.address, endpoint.port))
  for (const { address } of backends) assert.equal(names.filter((name) => name === address).length, 3, names.join(' '))
  assert.deepEqual(await readers.rules(), [{ endpoint, backends }])
})

withTable('a replica that is taken out gets no new connection and keeps those that it has', async ({ prefix, open }) => {
  await using _a = await listenNamed(`${prefix}.11`, 7001)
  await using _b = await listenNamed(`${prefix}.12`, 7001)
  const readers = await open()
  const endpoint = { address: `${prefix}.1`, port: 7001 }
  await readers.setReader(endpoint, [{ address: `${prefix}.11`, port: 7001 }])
  const client = connect(endpoint.port, endpoint.address)
  try {
    assert.equal(String((await once(client, 'data'))[0]), `${prefix}.11\n`)
    await readers.setReader(endpoint, [{ address: `${prefix}.12`, port: 7001 }])
    for (let index = 0; index < 3; index += 1) assert.equal(await askName(endpoint.address, endpoint.port), `${prefix}.12`)
    client.write('still there?')
    assert.equal(String((await once(client, 'data'))[0]), 'still there?')
  } finally {
    client.destroy()
  }
})

withTable('a reader without replicas refuses at once, also where somebody listens on every address', async ({ prefix, open }) => {
  await using everywhere = await listenNamed('0.0.0.0', 0, 'everywhere')
  const { port } = everywhere.address() as { port: number }
  const endpoint = { address: `${prefix}.1`, port }
  assert.equal(await askName(endpoint.address, port), 'everywhere')
  const readers = await open()
  await readers.setReader(endpoint, [])
  await refused(endpoint.address, port)
  assert.equal(await askName(`${prefix}.2`, port), 'everywhere')
})

withTable('what is in force is taken over after a restart, whatever the kernel has by then', async ({ table, prefix, open }) => {
  const one = { address: `${prefix}.1`, port: 7001 }
  const two = { address: `${prefix}.2`, port: 7001 }
  const backends = [{ address: `${prefix}.11`, port: 7001 }]
  await (await open()).setReader(one, backends)
  assert.deepEqual(await (await open()).list(), [`${prefix}.1:7001`])

  await applyRules(nft, removalText(table))
  const again = await open()
  assert.ok(await inKernel(table), 'it is put in force anew')
  assert.deepEqual(await again.list(), [`${prefix}.1:7001`])
  await again.setReader(two, backends)
  assert.deepEqual((await again.list()).toSorted(), [`${prefix}.1:7001`, `${prefix}.2:7001`])
})

withTable('rules of a Larder that kept no file are taken over from the kernel', async ({ table, prefix, open }) => {
  const rules = [{ endpoint: { address: `${prefix}.1`, port: 7001 }, backends: [{ address: `${prefix}.11`, port: 7001 }] }]
  await applyRules(nft, tableText(table, rules))
  const readers = await open()
  assert.deepEqual(await readers.rules(), rules)
  await readers.clear()
  assert.ok(!(await inKernel(table)))
})

withTable('many changes at once end as the last of each says, and clearing leaves no table', async ({ table, prefix, open }) => {
  const readers = await open()
  const endpoints = Array.from({ length: 20 }, (_, index) => ({ address: `${prefix}.${index + 1}`, port: 7001 }))
  await Promise.all(
    endpoints.flatMap((endpoint) => [
      readers.setReader(endpoint, []),
      readers.setReader(endpoint, [{ ...endpoint, port: 7002 }]),
    ]),
  )
  const [first] = endpoints
  assert.ok(first)
  await Promise.all([readers.remove(first), readers.remove(first)])
  const rules = await readers.rules()
  assert.equal(rules.length, 19)
  assert.ok(rules.every((rule) => rule.backends[0]?.port === 7002))
  await readers.clear()
  assert.deepEqual(await readers.list(), [])
  assert.ok(!(await inKernel(table)))
  await readers.clear()
})

withTable('a bad address is refused and does not spoil the rules of the others', async ({ prefix, open }) => {
  const readers = await open()
  await assert.rejects(async () => readers.setReader({ address: 'nowhere', port: 7001 }, []), LarderError)
  await readers.setReader({ address: `${prefix}.1`, port: 7001 }, [])
  assert.deepEqual(await readers.list(), [`${prefix}.1:7001`])
})
