/** The module in real engines, with a service that says what a test wants: nothing that it says may let in somebody else, or stop the engine. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { engineCapabilities } from '../model/engine-versions.ts'
import type { ClientUser } from '../model/users.ts'
import { startStopwatch, until } from '../testing/busy-machine.ts'
import { openCatalog } from './catalog.ts'
import { openLoginModule } from './login-module.ts'
import { installed, openYard, type RunningNode, type Yard } from './testing.ts'
import { createReplyReader, encodeCommand, type Reply, ReplyError } from './valkey/resp.ts'

const log = (): void => undefined
const loginSeconds = 2
const waitMs = 800
const token = `right${'x'.repeat(300)}`
const wrong = `wrong${'x'.repeat(300)}`

type Mood = 'right' | 'split' | 'silent' | 'rubbish' | 'strange verdict' | 'another number' | 'hangs up'

/** In place of the service: lets in whose token begins with `right`. */
class Host {
  mood: Mood = 'right'
  asked = 0
  readonly #sockets = new Set<Socket>()
  #server: Server | null = null
  readonly #path: string
  constructor(path: string) {
    this.#path = path
  }
  async start(): Promise<void> {
    const server = createServer((socket) => {
      this.#sockets.add(socket)
      let bytes: Buffer = Buffer.alloc(0)
      socket.on('error', () => undefined) // the engine has gone
      socket.on('data', (more: Buffer) => {
        bytes = Buffer.concat([bytes, more])
        while (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32BE(0)) {
          const end = 4 + bytes.readUInt32BE(0)
          this.#answer(socket, bytes.subarray(4, end))
          bytes = bytes.subarray(end)
        }
      })
    })
    rmSync(this.#path, { force: true })
    await new Promise<void>((resolve) => server.listen(this.#path, resolve))
    this.#server = server
  }
  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => (this.#server === null ? resolve(null) : this.#server.close(resolve)))
    rmSync(this.#path, { force: true })
  }
  #answer(socket: Socket, question: Buffer): void {
    this.asked += 1
    const answer = Buffer.alloc(16)
    answer.write('LRDA', 'latin1')
    answer.writeUInt32BE(this.mood === 'strange verdict' ? 2 : question.includes(token) ? 1 : 0, 4)
    answer.writeBigUInt64BE(question.readBigUInt64BE(0) + (this.mood === 'another number' ? 1_000n : 0n), 8)
    if (this.mood === 'rubbish') socket.write('HTTP/1.1 200 OK\r\n\r\n')
    else if (this.mood === 'hangs up') socket.destroy()
    else if (this.mood === 'split') {
      socket.write(answer.subarray(0, 5))
      setTimeout(() => socket.write(answer.subarray(5)), 20)
    } else if (this.mood !== 'silent') socket.write(answer)
  }
}

class Client {
  readonly socket: Socket
  readonly connected: Promise<void>
  readonly closed: Promise<void>
  isOpen = true
  readonly #reader = createReplyReader()
  readonly #waiting: ((reply: Reply) => void)[] = []
  constructor(path: string) {
    this.socket = connect(path)
    this.socket.on('error', () => undefined) // told by close
    this.socket.on('data', (bytes: Buffer) => {
      this.#reader.push(bytes)
      for (;;) {
        const reply = this.#reader.next(null)
        if (reply === undefined) return
        this.#waiting.shift()?.(reply)
      }
    })
    this.connected = new Promise((resolve, reject) => {
      this.socket.once('connect', resolve)
      this.socket.once('close', () => reject(new Error('no connection')))
    })
    this.connected.catch(() => undefined) // for whoever asks
    this.closed = new Promise((resolve) =>
      this.socket.once('close', () => {
        this.isOpen = false
        resolve()
      }),
    )
  }
  /** The answer as text; of an error its first word. */
  async say(...words: readonly string[]): Promise<string> {
    const reply = await new Promise<Reply>((resolve) => {
      this.#waiting.push(resolve)
      this.socket.write(encodeCommand(words))
    })
    return reply instanceof ReplyError ? reply.code : String(reply)
  }
}

const everything = 'on ~* &* +@all'
const people: readonly ClientUser[] = [
  { name: 'iam', authentication: 'iam', passwords: [], accessString: everything },
  { name: 'asleep', authentication: 'iam', passwords: [], accessString: 'off ~* +@all' },
  { name: 'open', authentication: 'no-password-required', passwords: [], accessString: everything },
  {
    name: 'pass',
    authentication: 'password',
    passwords: [createHash('sha256').update('a password').digest('hex')],
    accessString: everything,
  },
]

const capable = installed('valkey', 'redis').filter(({ engine, version }) => engineCapabilities(engine, version).authCallbacks)

for (const engine of capable) {
  describe(`the module in ${engine.engine} ${engine.version}`, () => {
    let yard: Yard
    let node: RunningNode
    let host: Host
    let folder: string
    const clients: Client[] = []
    const client = (): Client => {
      const made = new Client(node.plan.socket)
      clients.push(made)
      return made
    }
    before(async () => {
      yard = await openYard()
      folder = mkdtempSync(join(tmpdir(), 'larder-test-'))
      host = new Host(join(folder, 'host.sock'))
      await host.start()
      const module = (await openLoginModule(process.env, capable, log)).fileFor(engine)
      assert.ok(module !== null)
      const logins = { module, socket: join(folder, 'host.sock'), scope: 'us-east-1/n', seconds: loginSeconds, waitMs }
      node = await yard.start(await yard.plan(engine, { logins, access: { users: people } }))
    })
    after(async () => {
      for (const each of clients) each.socket.destroy()
      await host.stop()
      await yard[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    })

    it('lets IAM users in by token, and asks nobody about others', async () => {
      const asked = host.asked
      const one = client()
      assert.equal(await one.say('AUTH', 'iam', token), 'OK')
      assert.equal(await one.say('ACL', 'WHOAMI'), 'iam')
      assert.match(await one.say('HELLO', '2', 'AUTH', 'iam', token), /server/)
      assert.equal(await one.say('AUTH', 'iam', wrong), 'WRONGPASS')
      assert.equal(host.asked, asked + 3)
      const unasked: readonly (readonly [user: string, password: string, answer: string])[] = [
        ['iam', 'short', 'WRONGPASS'],
        ['iam', '', 'WRONGPASS'],
        ['iam', 'x'.repeat(128), 'WRONGPASS'],
        ['iam', token + 'x'.repeat(5_000), 'WRONGPASS'],
        ['asleep', token, 'WRONGPASS'],
        ['default', token, 'WRONGPASS'],
        ['nobody', token, 'WRONGPASS'],
        ['larder', token, 'WRONGPASS'],
        ['larder-replication', token, 'WRONGPASS'],
        ['x'.repeat(300), token, 'WRONGPASS'],
        ['pass', token, 'WRONGPASS'],
        ['open', token, 'OK'],
      ]
      for (const [user, password, answer] of unasked) assert.equal(await client().say('AUTH', user, password), answer, user)
      assert.equal(host.asked, asked + 3)
    })

    it('refuses in its time what is answered wrongly or not at all, and asks again when the service is back', async () => {
      host.mood = 'split'
      assert.equal(await client().say('AUTH', 'iam', token), 'OK')
      for (const mood of ['rubbish', 'strange verdict', 'another number', 'hangs up', 'silent'] as const) {
        host.mood = mood
        using asked = startStopwatch()
        assert.equal(await client().say('AUTH', 'iam', token), 'WRONGPASS', mood)
        assert.ok(asked.ms() < waitMs + 1_500, mood)
        host.mood = 'right'
        assert.equal(await client().say('AUTH', 'iam', token), 'OK', `after ${mood}`)
      }
      await host.stop()
      assert.equal(await client().say('AUTH', 'iam', token), 'WRONGPASS')
      const waiting = client().say('AUTH', 'iam', token)
      await delay(waitMs / 4)
      await host.start()
      assert.equal(await waiting, 'OK')
    })

    it('lets no more wait than it can hold, also when those who wait have gone; others go on meanwhile', async () => {
      host.mood = 'silent'
      const many: Client[] = []
      await until(
        'they are connected',
        async () => {
          // The queue of a unix socket refuses at once what it cannot take.
          const some = Array.from({ length: 50 }, client)
          const connected = await Promise.allSettled(some.map((one) => one.connected))
          many.push(...some.filter((_, index) => connected[index]?.status === 'fulfilled'))
          return many.length >= 1_200
        },
        20_000,
      )
      const answers = many.map((each) => each.say('AUTH', 'iam', token))
      assert.equal(await Promise.race(answers), 'WRONGPASS')
      using since = startStopwatch()
      assert.equal(await client().say('PING'), 'NOAUTH')
      assert.ok(since.ms() < 500, 'the engine answers others')
      for (const each of many.slice(0, 600)) each.socket.destroy()
      assert.deepEqual([...new Set(await Promise.all(answers.slice(600)))], ['WRONGPASS'])
      host.mood = 'right'
      await until('those who have gone are forgotten', async () => (await client().say('AUTH', 'iam', token)) === 'OK')
    })

    it('lets nobody in whose user is gone, or is another, by the time of the answer', async () => {
      host.mood = 'silent'
      const [gone, changed] = [client().say('AUTH', 'iam', token), client().say('AUTH', 'iam', token)]
      await delay(50)
      await node.control.setAccess({ users: people.filter(({ name }) => name !== 'iam') })
      await node.control.setAccess({
        users: people.map((each) => ({ ...each, passwords: people[3]?.passwords ?? [], authentication: 'password' })),
      })
      host.mood = 'right'
      await host.stop()
      await host.start() // asks again, and is told that it is right
      assert.deepEqual(await Promise.all([gone, changed]), ['WRONGPASS', 'WRONGPASS'])
      await node.control.setAccess({ users: people })
    })

    it('cuts a connection when its last login by token has lasted its time', async () => {
      const [left, again, refused, other, reset] = Array.from({ length: 5 }, () => client())
      assert.ok(left && again && refused && other && reset)
      const from = performance.now()
      using since = startStopwatch()
      for (const each of [left, again, refused, other, reset]) assert.equal(await each.say('AUTH', 'iam', token), 'OK')
      assert.equal(await other.say('AUTH', 'open', 'x'), 'OK')
      assert.equal(await reset.say('RESET'), 'RESET')
      await delay(1_000)
      assert.equal(await again.say('AUTH', 'iam', token), 'OK')
      assert.equal(await refused.say('AUTH', 'iam', wrong), 'WRONGPASS')
      await Promise.all([left.closed, refused.closed])
      assert.ok(performance.now() - from > 1_900 && since.ms() < 2_900, `after ${since.ms()} ms`)
      assert.equal(again.isOpen, true)
      await again.closed
      assert.ok(performance.now() - from > 2_900)
      assert.deepEqual([other.isOpen, reset.isOpen], [true, true])
    })

    it('goes through a thousand logins and ends with the engine', async () => {
      const turns = Array.from({ length: 20 }, async () => {
        for (let turn = 0; turn < 50; turn += 1) {
          const one = client()
          assert.equal(await one.say('AUTH', 'iam', turn % 5 === 0 ? wrong : token), turn % 5 === 0 ? 'WRONGPASS' : 'OK')
          one.socket.destroy()
        }
      })
      await Promise.all(turns)
      host.mood = 'silent'
      void client().say('AUTH', 'iam', token)
      await node.control.shutdown({ save: false })
      await node.exited
      host.mood = 'right'
    })
  })
}

test('without a compiler the reason is told, and without any of it the engines are as they were', async () => {
  const cache = mkdtempSync(join(tmpdir(), 'larder-test-'))
  try {
    const lines: string[] = []
    const { LARDER_ENGINES: _, ...environment } = process.env
    const bare = { ...environment, XDG_CACHE_HOME: cache, PATH: cache }
    const module = await openLoginModule(bare, capable, (_level, message) => lines.push(message))
    const [engine] = capable
    assert.ok(engine)
    assert.equal(module.fileFor(engine), null)
    assert.match(String(module.whyNot('valkey', engine.version)), /no C compiler/)
    assert.match(String(module.whyNot('valkey', null)), /no C compiler/)
    assert.deepEqual(lines, ['users cannot log in by IAM'])
  } finally {
    rmSync(cache, { recursive: true, force: true })
  }
})

test('it is compiled once, for this user alone; engines that cannot are told apart', async () => {
  const cache = mkdtempSync(join(tmpdir(), 'larder-test-'))
  try {
    const environment = { ...process.env, XDG_CACHE_HOME: cache }
    const all = openCatalog(process.env).list()
    const module = await openLoginModule(environment, all, log)
    const file = (capable[0] === undefined ? null : module.fileFor(capable[0])) ?? ''
    assert.ok(file.startsWith(cache))
    const { mtimeMs, mode } = statSync(file)
    assert.equal(statSync(join(cache, 'larder', 'modules')).mode & 0o777, 0o700)
    assert.equal(mode & 0o022, 0)
    await openLoginModule(environment, all, log)
    assert.equal(statSync(file).mtimeMs, mtimeMs)
    assert.equal(readdirSync(join(cache, 'larder', 'modules')).length, 1 + capable.length)
    for (const engine of all)
      assert.equal(
        module.fileFor(engine),
        capable.some((each) => each.version === engine.version && each.engine === engine.engine) ? file : null,
      )
    for (const { version } of capable) assert.equal(module.whyNot('valkey', version), null)
    assert.equal(module.whyNot('valkey', null), null)
    assert.match(
      String(module.whyNot('redis', '7.0.15')),
      /no interface for it; it takes Valkey 7\.2 or later, or Redis OSS 7\.2 or later/,
    )
    assert.match(String(module.whyNot('valkey', '7.2.1')), /of this machine cannot load/)
    // An engine that cannot load it would not start with it.
    const [engine] = capable
    assert.ok(engine)
    const broken = { ...engine, version: '99.0.0', command: ['/bin/false'] }
    assert.equal((await openLoginModule(environment, [broken], log)).fileFor(broken), null)
  } finally {
    rmSync(cache, { recursive: true, force: true })
  }
})
