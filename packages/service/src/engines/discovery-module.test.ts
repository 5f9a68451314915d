/** The library in real engines: every answer as AWS gives it, in its turn, and every other byte as the engine alone would send it. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import fc from 'fast-check'
import type { NodePlan } from '../ports/engine.ts'
import { openAuthority } from '../security/tls/authority.ts'
import { until } from '../testing/busy-machine.ts'
import { openDiscoveryModule } from './discovery-module.ts'
import { installed, openYard, type RunningNode, type Yard } from './testing.ts'

const log = (): void => undefined
const list = `12\n${Array.from({ length: 40 }, (_, index) => `127.65.0.${index}|127.65.0.${index}|11211`).join(' ')}\n`
const config = `CONFIG cluster 0 ${list.length}\r\n${list}\r\nEND\r\n`
const value = `VALUE AmazonElastiCache:cluster 0 ${list.length}\r\n${list}\r\nEND\r\n`

const startWith = async (yard: Yard, plan: NodePlan): Promise<RunningNode> => {
  const node = await yard.start(plan)
  await writeFile(join(plan.folder, 'discovery'), list)
  return node
}

type Open = () => Socket

const openTo =
  ({ plan: { address, port } }: RunningNode, ca?: string): Open =>
  () =>
    ca === undefined
      ? connect({ host: address, port, noDelay: true })
      : connectTls({ host: address, port, ca, checkServerIdentity: () => undefined })

/** Everything that comes until `end` does; the pieces leave one by one. */
const talk = (open: Open, pieces: readonly (string | Buffer)[], end: string): Promise<string> =>
  new Promise((resolve) => {
    const socket = open()
    let answer = ''
    socket.setTimeout(10_000, () => socket.destroy())
    socket.on('error', () => socket.destroy())
    socket.on('close', () => resolve(answer))
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
      if (answer.endsWith(end)) socket.destroy()
    })
    const send = (index: number): void => {
      const piece = pieces[index]
      if (piece !== undefined) socket.write(piece, () => setImmediate(send, index + 1))
    }
    send(0)
  })

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
const closing = 'mn\r\n'
const closed = 'MN\r\n'

/** What is said, what the node answers. */
type Turn = readonly [said: string, answer: string]

const set = (key: string, content: string): Turn => [`set ${key} 0 0 ${content.length}\r\n${content}\r\n`, 'STORED\r\n']

const turnsWith = (longest: number): fc.Arbitrary<Turn> =>
  fc.oneof(
    fc.constant<Turn>(['config get cluster\r\n', config]),
    fc.constant<Turn>(['config get cluster  \r\n', config]),
    fc.constant<Turn>(['config get cluster\n', config]),
    fc.constant<Turn>(['get AmazonElastiCache:cluster\r\n', value]),
    fc.constant<Turn>(['gets AmazonElastiCache:cluster\r\n', value.replace(`${list.length}\r\n`, `${list.length} 12\r\n`)]),
    fc.constant<Turn>(['config get clusters\r\n', 'ERROR\r\n']),
    fc.constant<Turn>(['config get cluster now\r\n', 'ERROR\r\n']),
    fc.constant<Turn>(['Config get cluster\r\n', 'ERROR\r\n']),
    fc.constant<Turn>(['get none\r\n', 'END\r\n']),
    fc.constant<Turn>(['flush_all\r\n', 'OK\r\n']),
    fc.constant<Turn>(['delete AmazonElastiCache:cluster noreply\r\n', '']),
    fc.constant<Turn>(set('AmazonElastiCache:cluster', 'rubbish')),
    fc.constant<Turn>(set('a', 'config get cluster\r\n')),
    fc.constant<Turn>(set('a', '\r\nget AmazonElastiCache:cluster\r\nconfig get cluster\r\n')),
    fc
      .nat({ max: longest })
      .map(
        (length): Turn => [
          `${set('b', 'N'.repeat(length))[0]}get b\r\n`,
          `STORED\r\nVALUE b 0 ${length}\r\n${'N'.repeat(length)}\r\nEND\r\n`,
        ],
      ),
  )

const cut = (sent: Buffer, places: readonly number[]): readonly Buffer[] => {
  const ends = [...new Set(places.map((place) => place % sent.length))].filter((at) => at > 0).toSorted((a, b) => a - b)
  return [0, ...ends].map((from, index) => sent.subarray(from, ends[index] ?? sent.length))
}

/** Under TLS the engine itself loses sight of what stands behind a value that arrives in several records: there all is sent at once. */
const holdsFor = (open: Open, runs: number, longest: number, cuts: number): Promise<void> =>
  fc.assert(
    fc.asyncProperty(
      fc.array(turnsWith(longest), { maxLength: 40 }),
      fc.array(fc.nat(), { maxLength: cuts }),
      async (turns, places) => {
        const sent = bytes(turns.map(([said]) => said).join('') + closing)
        const expected = turns.map(([, answer]) => answer).join('') + closed
        assert.equal(await talk(open, cut(sent, places), closed), expected)
      },
    ),
    { numRuns: runs },
  )

const slowReader = async (open: Open): Promise<void> => {
  const questions = 20_000
  const socket = open()
  try {
    socket.pause()
    socket.on('error', () => socket.destroy())
    socket.write(`${'config get cluster\r\nget none\r\n'.repeat(questions)}${closing}`)
    // Meanwhile others are served, by all threads.
    for (let index = 0; index < 20; index += 1)
      assert.equal(await talk(open, [`config get cluster\r\n${closing}`], closed), config + closed)
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
    })
    socket.resume()
    await until('all has come', () => answer.endsWith(closed))
    assert.ok(answer === `${config}END\r\n`.repeat(questions) + closed, 'every answer is whole and in its turn')
  } finally {
    socket.destroy()
  }
}

for (const engine of installed('memcached')) {
  describe(`Memcached ${engine.version}`, async () => {
    const discoveryModule = (await openDiscoveryModule(process.env, [engine], log))(engine)
    assert.ok(discoveryModule !== null, 'expected a C compiler, and that the engine passes its trial')

    it('answers discovery in its turn, wherever packets end, and all else as ever', async () => {
      await using yard = await openYard()
      const node = await startWith(yard, await yard.plan(engine, { discoveryModule }))
      await holdsFor(openTo(node), 150, 40_000, 6)
      const sent = bytes(
        `config get cluster\r\nset a 0 0 20\r\nconfig get cluster\r\n\r\nget AmazonElastiCache:cluster\r\n${closing}`,
      )
      for (let at = 1; at < sent.length; at += 1)
        assert.equal(
          await talk(openTo(node), [sent.subarray(0, at), sent.subarray(at)], closed),
          `${config}STORED\r\n${value}${closed}`,
        )
    })

    it('answers in its turn under TLS too', async () => {
      await using yard = await openYard()
      const folder = mkdtempSync(join(tmpdir(), 'larder-test-'))
      try {
        const authority = openAuthority(folder, Date.now)
        const plan = await yard.plan(engine, { discoveryModule })
        const tls = authority.issue('node', [plan.address])
        // Nothing of ours connects: the yard's control connection speaks no TLS.
        const starting = yard.start({ ...plan, tls }).catch((error: unknown) => error)
        const open = openTo({ plan } as RunningNode, authority.bundle)
        await until('it answers', async () => (await talk(open, [closing], closed)) === closed)
        await writeFile(join(plan.folder, 'discovery'), list)
        await holdsFor(open, 60, 200, 0)
        // Buffers of 16 kB are cut in the middle of answers, and of values that look like their beginning.
        const value = 'N'.repeat(9_001)
        await talk(open, [`set b 0 0 ${value.length}\r\n${value}\r\n${closing}`], closed)
        const expected = `VALUE b 0 ${value.length}\r\n${value}\r\nEND\r\n${config}`.repeat(200) + closed
        assert.ok((await talk(open, ['get b\r\nconfig get cluster\r\n'.repeat(200), closing], closed)) === expected)
        await slowReader(open)
        void starting
      } finally {
        rmSync(folder, { recursive: true })
      }
    })

    it('keeps an answer that a slow reader takes piece by piece, and serves others meanwhile', async () => {
      await using yard = await openYard()
      const node = await startWith(yard, await yard.plan(engine, { discoveryModule }))
      await slowReader(openTo(node))
      // Connections that end in the middle of an answer leave nothing to those that get their numbers.
      for (let index = 0; index < 20; index += 1) {
        const socket = openTo(node)()
        socket.on('error', () => socket.destroy())
        socket.write('config get cluster\r\n'.repeat(5_000))
        await new Promise((resolve) => socket.once('data', resolve))
        socket.destroy()
      }
      for (let index = 0; index < 20; index += 1)
        assert.equal(await talk(openTo(node), [`config get cluster\r\n${closing}`], closed), config + closed)
    })

    it('tells what stands in the file at that moment, and refuses as the engine does where there is none', async () => {
      await using yard = await openYard()
      const node = await startWith(yard, await yard.plan(engine, { discoveryModule }))
      const ask = (): Promise<string> =>
        talk(openTo(node), [`config get cluster\r\nget AmazonElastiCache:cluster\r\n${closing}`], closed)
      await writeFile(join(node.plan.folder, 'discovery'), '3\na|a|1\n')
      assert.equal(
        await ask(),
        `CONFIG cluster 0 8\r\n3\na|a|1\n\r\nEND\r\nVALUE AmazonElastiCache:cluster 0 8\r\n3\na|a|1\n\r\nEND\r\n${closed}`,
      )
      await rm(join(node.plan.folder, 'discovery'))
      assert.equal(await ask(), `ERROR\r\nEND\r\n${closed}`)
    })

    it('deletes nothing and stores nothing to answer', async () => {
      await using yard = await openYard()
      const node = await startWith(yard, await yard.plan(engine, { discoveryModule }))
      const items = async (): Promise<string | undefined> =>
        /STAT curr_items (\d+)/.exec(String(await node.control.command(['stats'])))?.[1]
      assert.equal(await items(), '0')
      await talk(openTo(node), [`${'config get cluster\r\n'.repeat(100)}${closing}`], closed)
      assert.equal(await items(), '0')
    })
  })
}

test('a program that does not read commands as Memcached does gets no library', async () => {
  const [engine] = installed('valkey')
  assert.ok(engine)
  const open = await openDiscoveryModule(process.env, [{ ...engine, engine: 'memcached' }], log)
  assert.equal(open(engine), null)
})

test('without a compiler there is no library, and it is said', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'larder-test-'))
  try {
    const said: string[] = []
    const engines = installed('memcached')
    const open = await openDiscoveryModule({ XDG_CACHE_HOME: folder, PATH: folder }, engines, (level, text) => {
      said.push(`${level} ${text}`)
    })
    assert.deepEqual([engines.map(open), said.length], [engines.map(() => null), 1])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
