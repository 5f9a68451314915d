/** Attacks on a Memcached cluster by whoever reaches it: on its process, and on what its endpoint tells other clients. */
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import type { Attack } from './table.ts'

interface Place {
  readonly host: string
  readonly port: number
}

export interface MemcachedTarget {
  readonly node: Place
  readonly endpoint: Place
}

const deadlineMs = 700

/** All that is answered until the end, which is marked by a command that does nothing (`mn`). */
const say = ({ host, port }: Place, text: string | Buffer): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect({ host, port })
    let heard = ''
    const finish = (how: string): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(`${heard.replace(/MN\r\n$/, '')}${how}`.trim())
    }
    const timer = setTimeout(() => finish('(silent)'), deadlineMs)
    socket.setEncoding('latin1').on('data', (more: string) => {
      heard += more
      if (heard.endsWith('MN\r\n')) finish('')
    })
    socket.on('error', () => finish('(closed)'))
    socket.on('close', () => finish('(closed)'))
    socket.write(Buffer.concat([Buffer.from(text), Buffer.from('mn\r\n')]))
  })

/** What the endpoint tells after this was said to it, and to the node; the same as before, or what it has become. */
const toldAfter =
  (text: string): Attack<MemcachedTarget>['how'] =>
  async ({ node, endpoint }) => {
    const ask = (): Promise<string> => say(endpoint, 'config get cluster\r\nget AmazonElastiCache:cluster\r\n')
    const before = await ask()
    await say(endpoint, text)
    await say(node, text)
    const after = await ask()
    return before.startsWith('CONFIG cluster') && after === before ? 'it tells the same' : `${before}\nbecame\n${after}`
  }

const atBoth =
  (text: string | Buffer): Attack<MemcachedTarget>['how'] =>
  async ({ node, endpoint }) =>
    `${await say(node, text)} | ${await say(endpoint, text)}`

const overUdp = ({ node }: MemcachedTarget): Promise<string> =>
  new Promise((resolve) => {
    const socket = createSocket('udp4')
    const finish = (text: string): void => {
      clearTimeout(timer)
      socket.close()
      resolve(text)
    }
    const timer = setTimeout(() => finish('nobody answers'), 300)
    socket.on('message', (bytes) => finish(`answered: ${bytes.toString('latin1')}`))
    socket.on('error', () => finish('nobody answers'))
    socket.connect(node.port, node.host, () => socket.send(Buffer.from('\0\x01\0\0\0\x01\0\0version\r\n', 'latin1')))
  })

/** Names of keys that a watcher is shown while somebody asks for the list. */
const watched = ({ host, port }: Place): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect({ host, port }, () => socket.write('watch fetchers\r\n'))
    let heard = ''
    const timer = setTimeout(() => socket.destroy(), 3 * deadlineMs)
    socket.setEncoding('latin1').on('data', (more: string) => {
      if (heard === '') say({ host, port }, 'config get cluster\r\n').catch(() => socket.destroy())
      heard += more
      if (/key=.*\n/.test(heard)) socket.destroy()
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(
        (/ key=(\S+)/.exec(heard)?.[1] ?? '').replace(/%([0-9A-F]{2})/gi, (_, hex) =>
          String.fromCharCode(Number.parseInt(hex, 16)),
        ),
      )
    })
  })

/** The list, once the key that the engine looks for in the place of the question is there. */
const withTheKey = async ({ node }: MemcachedTarget): Promise<string> => {
  const word = await watched(node)
  const set = Buffer.from(`set ${word} 0 0 1\r\nx\r\n`, 'latin1')
  return say(node, Buffer.concat([set, Buffer.from('config get cluster\r\n')]))
}

const elsewhere = '1\nevil.example|10.0.0.1|11211\n'
const list = `AmazonElastiCache:cluster 0 0 ${elsewhere.length}\r\n${elsewhere}\r\n`
/** The binary protocol: magic, opcode, key length 5, a body of 4 GB. */
const endless = Buffer.from('80010005000000ffffffffff000000000000000000000000', 'hex')

export const memcachedAttacks: readonly Attack<MemcachedTarget>[] = [
  {
    name: 'an end of the process',
    how: atBoth('shutdown\r\n'),
    must: /^ERROR: shutdown not enabled \| ERROR: shutdown not enabled$/,
  },
  {
    name: 'a gentle end of the process',
    how: atBoth('shutdown graceful\r\n'),
    must: /^ERROR: shutdown not enabled \| ERROR: shutdown not enabled$/,
  },
  { name: 'a clock that is changed', how: atBoth('debugtime p\r\n'), must: /^ERROR \| ERROR$/ },
  { name: 'a test that breaks the process', how: atBoth('misbehave\r\n'), must: /^ERROR \| ERROR$/ },
  { name: 'datagrams, by which others can be flooded', how: overUdp, must: /^nobody answers$/ },
  {
    name: 'another list of nodes by config set',
    how: toldAfter(`config set cluster 0 ${elsewhere.length}\r\n${elsewhere}\r\n`),
    must: /^it tells the same$/,
  },
  { name: 'another list of nodes by set', how: toldAfter(`set ${list}`), must: /^it tells the same$/ },
  {
    name: 'no list of nodes by delete and flush_all',
    how: toldAfter('delete AmazonElastiCache:cluster\r\nflush_all\r\n'),
    must: /^it tells the same$/,
  },
  {
    name: 'the key that the engine looks for in the place of the question',
    how: withTheKey,
    must: /^STORED\r\nCONFIG cluster 0 \d+\r\n/,
  },
  { name: 'a key that is too long', how: atBoth(`get ${'x'.repeat(300)}\r\n`), must: /^CLIENT_ERROR .*\| CLIENT_ERROR/s },
  { name: 'a line without an end', how: atBoth('x'.repeat(100_000)), must: /(?:ERROR|closed).*\|.*(?:ERROR|closed)/s },
  {
    name: 'paths of the machine in the settings that a node tells',
    how: ({ node }) => say(node, 'stats settings\r\nstats\r\n'),
    must: /STAT inter [\d.]+\r\n/,
    never: /(?<![.\w])\/[\w.-]+\/[\w.-]/,
  },
  { name: 'a request of four gigabytes in the binary protocol', how: atBoth(endless), must: /closed|silent/ },
]
