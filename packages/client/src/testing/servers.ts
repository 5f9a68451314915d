/** Real servers for the tests, each on an address of its own, which end with the test. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createPrivateKey, randomInt, X509Certificate } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@redis/client'
import { openCatalog } from '../../../service/src/engines/catalog.ts'
import { createAuthority, createNodeCertificate, issuerOf } from '../../../service/src/security/tls/certificate.ts'

/** Newest first. */
export const engines = openCatalog(process.env)
  .list()
  .filter(({ engine }) => engine !== 'memcached')
assert.ok(engines.length > 0, 'expected an engine in the catalog: npm test sets it up')

type Engine = (typeof engines)[number]

const day = 86_400_000
const validity = { from: Date.now() - day, until: Date.now() + day }
const authority = createAuthority('larder tests', validity)
const issuer = issuerOf(new X509Certificate(authority.certificate), createPrivateKey(authority.key))
/** By what clients trust the servers that have certificates. */
export const trust = { ca: authority.certificate } as const

export interface Server {
  readonly address: string
  readonly port: number
  readonly url: string
  readonly pid: number
  /** As a person would by the engine's own command line. */
  command(...args: readonly string[]): Promise<unknown>
  kill(): Promise<void>
  /** Again with the same address and folder. */
  restart(): Promise<void>
}

export interface Servers extends AsyncDisposable {
  start(args?: readonly string[], engine?: Engine): Promise<Server>
  /** `shards` primaries with `replicas` each; the primaries come first. */
  cluster(shards: number, replicas?: number, args?: readonly string[]): Promise<readonly Server[]>
}

/** How much slower this machine is than the one on which limits of time were set: `npm test` measures it. It lengthens waiting, not what is judged. */
export const slowness = Math.max(1, Number(process.env['LARDER_TEST_SLOWNESS'] ?? 1) || 1)

/** How many times as long a test waits for what has to come, with the other tests that `npm test` runs beside it. */
export const patience = Math.max(slowness, Number(process.env['LARDER_TEST_PATIENCE'] ?? 1) || 1)

/** Looks so often in a second at least, however little this process gets to run. */
const looksInSecond = 50

export const until = async (what: string, holds: () => Promise<boolean> | boolean, deadlineMs = 10_000): Promise<void> => {
  const deadline = performance.now() + deadlineMs * patience
  for (let looks = 1; !(await holds()); looks += 1) {
    if (performance.now() > deadline && looks > (deadlineMs / 1_000) * looksInSecond)
      assert.fail(`not within ${deadlineMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const isFree = (address: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, address, () => server.close(() => resolve(true)))
  })

const port = 6379
const slots = 16_384

/** With TLS: they answer nobody without it, and have certificates of `trust`. */
export const openServers = async ({ tls = false }: { readonly tls?: boolean } = {}): Promise<Servers> => {
  const root = await mkdtemp(join(tmpdir(), 'larder-client-'))
  const prefix = `127.${randomInt(100, 200)}.${randomInt(0, 256)}`
  const kills = new Set<() => Promise<void>>()
  let last = 0

  const freeAddress = async (): Promise<string> => {
    for (;;) {
      last += 1
      assert.ok(last < 255, `expected a free address in ${prefix}.0/24`)
      const address = `${prefix}.${last}`
      if (await isFree(address, port)) return address
    }
  }

  const secured = async (folder: string, address: string): Promise<readonly string[]> => {
    const own = createNodeCertificate(issuer, address, [address], validity)
    const files = { 'ca.pem': trust.ca, 'node.pem': own.certificate, 'node.key': own.key }
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
    const [ca, certificate, key] = Object.keys(files).map((name) => join(folder, name))
    const named = ['--tls-ca-cert-file', String(ca), '--tls-cert-file', String(certificate), '--tls-key-file', String(key)]
    const all = ['--tls-auth-clients', 'no', '--tls-replication', 'yes', '--tls-cluster', 'yes']
    return ['--port', '0', '--tls-port', String(port), ...named, ...all]
  }

  const start = async (args: readonly string[] = [], engine: Engine | undefined = engines[0]): Promise<Server> => {
    assert.ok(engine)
    const address = await freeAddress()
    const folder = join(root, address)
    const log = join(folder, 'engine.log')
    await mkdir(folder)
    const url = `${tls ? 'rediss' : 'redis'}://${address}:${port}`
    const [program = '', ...before] = engine.command
    const places = ['--bind', address, '--dir', folder, '--bind-source-addr', address]
    const ports = tls ? await secured(folder, address) : ['--port', String(port)]
    const plain = ['--save', '', '--enable-debug-command', 'yes', '--protected-mode', 'no', '--repl-diskless-sync-delay', '0']
    let child: ChildProcess
    let exited: Promise<unknown>
    let control: ReturnType<typeof createClient>

    const launch = async (): Promise<void> => {
      const output = openSync(log, 'a')
      child = spawn(program, [...before, ...places, ...ports, ...plain, ...args], {
        cwd: folder,
        env: {},
        stdio: ['ignore', output, output],
      })
      closeSync(output)
      exited = new Promise((resolve) => child.once('close', resolve))
      kills.add(kill)
      control = createClient({
        url,
        socket: { reconnectStrategy: () => 10, ...(tls ? { tls: true as const, ...trust } : {}) },
        maintNotifications: 'disabled',
      })
      control.on('error', () => undefined) // it is tried until it answers
      const answers = control.connect().then(() => control.ping())
      const said = async () => (await readFile(log, 'utf8')).split('\n').slice(-4).join(' | ')
      const died = exited.then(async () => assert.fail(`the engine ended at its start: ${await said()}`))
      await Promise.race([answers, died])
      died.catch(() => undefined) // from here on the test decides when it ends
    }
    const kill = async (): Promise<void> => {
      control.destroy()
      child.kill('SIGKILL')
      await exited
      kills.delete(kill)
    }
    await launch()
    return {
      address,
      port,
      url,
      get pid() {
        return child.pid ?? 0
      },
      command: (...command) => control.sendCommand([...command]),
      kill,
      restart: launch,
    }
  }

  const cluster = async (shards: number, replicas = 0, more: readonly string[] = []): Promise<readonly Server[]> => {
    const clustered = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000', '--cluster-require-full-coverage', 'no']
    const nodes = await Promise.all(Array.from({ length: shards * (1 + replicas) }, () => start([...clustered, ...more])))
    const [first] = nodes
    assert.ok(first)
    for (const [shard, node] of nodes.slice(0, shards).entries()) {
      const [from, to] = [Math.ceil((shard * slots) / shards), Math.ceil(((shard + 1) * slots) / shards) - 1]
      await node.command('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to))
      await node.command('CLUSTER', 'SET-CONFIG-EPOCH', String(shard + 1))
    }
    for (const node of nodes.slice(1)) await first.command('CLUSTER', 'MEET', node.address, String(port))
    const knows = async (node: Server) => {
      const lines = String(await node.command('CLUSTER', 'NODES'))
        .trim()
        .split('\n')
      return lines.length === nodes.length && !lines.some((line) => /handshake|noaddr/.test(line))
    }
    for (const node of nodes) await until('the nodes know each other', () => knows(node))
    for (const [index, node] of nodes.slice(shards).entries()) {
      const id = String(await nodes[index % shards]?.command('CLUSTER', 'MYID'))
      await node.command('CLUSTER', 'REPLICATE', id)
    }
    const isOk = async (node: Server) => /cluster_state:ok/.test(String(await node.command('CLUSTER', 'INFO')))
    for (const node of nodes) await until('the cluster is ok', () => isOk(node))
    for (const node of nodes.slice(shards))
      await until('replicas follow', async () => /master_link_status:up/.test(String(await node.command('INFO', 'replication'))))
    return nodes
  }

  return {
    start,
    cluster,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...kills].map((kill) => kill()))
      await rm(root, { recursive: true, force: true })
    },
  }
}
