/** Control of a running Memcached node: its text protocol, over its own address. */
import { LarderError } from '../../errors.ts'
import type { ConnectPlan, EngineControl, EngineStatus } from '../../ports/engine.ts'
import { type Conversation, openConversation } from './conversation.ts'

const commandDeadlineMs = 2_000
const megabyte = 1024 ** 2
const discoveryKey = 'AmazonElastiCache:cluster'

/** Commands whose answers end with a line that says END. */
const listCommands: ReadonlySet<string> = new Set(['get', 'gets', 'gat', 'gats', 'stats'])

const unsupported = (what: string) => async (): Promise<never> => {
  throw new LarderError('engine-command', `Memcached has no ${what}`)
}

/** `stats`: lines of `STAT name value`. */
export const parseStats = (text: string): ReadonlyMap<string, string> =>
  new Map([...text.matchAll(/^STAT (\S+) (.*)$/gm)].map((match) => [match[1] ?? '', (match[2] ?? '').trimEnd()]))

const controlOver = (conversation: Conversation, address: string): EngineControl => {
  const ask = (command: string, form: 'line' | 'list' = 'line', deadlineMs = commandDeadlineMs): Promise<string> =>
    conversation.ask(command, form, deadlineMs)
  const expect = async (command: string, expected: string): Promise<void> => {
    const answer = await ask(command)
    if (answer !== expected) {
      throw new LarderError('engine-command', `${command.split(' ', 1)[0]}: expected ${expected}, found ${answer}`, {
        retry: true,
      })
    }
  }
  const status = async (deadlineMs?: number): Promise<EngineStatus> => {
    const stats = parseStats(await ask('stats', 'list', deadlineMs))
    const numberOf = (name: string): number => Number(stats.get(name) ?? 0)
    return {
      pid: numberOf('pid'),
      version: (stats.get('version') ?? '').split(' ', 1)[0] ?? '',
      loading: false,
      usedMemoryBytes: numberOf('bytes'),
      maxMemoryBytes: numberOf('limit_maxbytes'),
      clients: numberOf('curr_connections'),
      bound: [address],
      ioThreads: 0,
      persistenceFails: false,
      replication: null,
      cluster: null,
    }
  }
  return {
    closed: conversation.closed,
    status,
    ping: async (deadlineMs) => {
      await ask('version', 'line', deadlineMs)
    },
    // Every parameter of Memcached takes effect with a restart.
    applyParameters: unsupported('parameters that can be changed while it runs'),
    setMaxMemory: (bytes) => expect(`cache_memlimit ${Math.floor(bytes / megabyte)}`, 'OK'),
    replicate: unsupported('replication'),
    bind: unsupported('addresses that can be changed while it runs'),
    setAccess: unsupported('tokens'),
    setTransit: unsupported('encryption that can be changed while it runs'),
    // Certificate and key together, or what was there stays.
    reloadCertificate: () => expect('refresh_certs', 'OK'),
    meet: unsupported('cluster'),
    claimSlots: unsupported('cluster'),
    replicateNode: unsupported('cluster'),
    takeOver: unsupported('cluster'),
    standForElection: unsupported('cluster'),
    forget: unsupported('cluster'),
    publishDiscovery: (text) => expect(`set ${discoveryKey} 0 0 ${Buffer.byteLength(text)}\r\n${text}`, 'STORED'),
    // The command exists, but only with -A, and would then be open to every client. The caller sends SIGTERM.
    shutdown: unsupported('command to end it; it is ended by a signal'),
    command: (args) => ask(args.join(' '), listCommands.has(args[0] ?? '') ? 'list' : 'line'),
    close: () => conversation.close(),
  }
}

export const connect = async (
  plan: Pick<ConnectPlan, 'address' | 'port' | 'authority'>,
  deadlineMs: number,
): Promise<EngineControl> => controlOver(await openConversation(plan, deadlineMs), plan.address)
