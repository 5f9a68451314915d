/** Control of a running Memcached node: one of its protocols, over its own address. */
import { setTimeout as delay } from 'node:timers/promises'
import { LarderError } from '../../errors.ts'
import type { ConnectPlan, EngineControl, EngineStatus } from '../../ports/engine.ts'
import { controlLogin, type Login, markLogin } from './access.ts'
import { type Conversation, openConversation } from './conversation.ts'
import { keepPublished } from './published.ts'

const commandDeadlineMs = 2_000
const megabyte = 1024 ** 2
/** The engine looks for the signal to read its tokens anew once in a second. */
const accessDeadlineMs = 5_000
const accessPollMs = 50

const unsupported = (what: string) => async (): Promise<never> => {
  throw new LarderError('engine-command', `Memcached has no ${what}`)
}

/** Resolves when this login works. Rejects with `deadline` where it does not within some seconds. */
const untilLoggedIn = async (plan: ConnectPlan, login: Login): Promise<void> => {
  const deadline = performance.now() + accessDeadlineMs
  for (;;) {
    try {
      ;(await openConversation(plan, login, commandDeadlineMs)).close()
      return
    } catch (error) {
      const refused = error instanceof LarderError && error.code === 'engine-command'
      if (!refused) throw error
      if (performance.now() > deadline)
        throw new LarderError('deadline', `${plan.address} did not take other tokens within ${accessDeadlineMs} ms`, {
          cause: error,
          retry: true,
        })
    }
    await delay(accessPollMs)
  }
}

const controlOver = (conversation: Conversation, plan: ConnectPlan): EngineControl => {
  const published = keepPublished(conversation)
  const expect = async (command: string, expected: string): Promise<void> => {
    const answer = await conversation.raw(command, commandDeadlineMs)
    if (answer !== expected) {
      throw new LarderError('engine-command', `${command.split(' ', 1)[0]}: expected ${expected}, found ${answer}`, {
        retry: true,
      })
    }
  }
  const status = async (deadlineMs = commandDeadlineMs): Promise<EngineStatus> => {
    const stats = await conversation.stats(deadlineMs)
    const numberOf = (name: string): number => Number(stats.get(name) ?? 0)
    return {
      pid: numberOf('pid'),
      version: (stats.get('version') ?? '').split(' ', 1)[0] ?? '',
      loading: false,
      usedMemoryBytes: numberOf('bytes'),
      maxMemoryBytes: numberOf('limit_maxbytes'),
      clients: numberOf('curr_connections'),
      bound: [plan.address],
      ioThreads: 0,
      persistenceFails: false,
      replication: null,
      cluster: null,
    }
  }
  return {
    closed: conversation.closed,
    status,
    ping: (deadlineMs) => conversation.version(deadlineMs),
    // Every parameter of Memcached takes effect with a restart.
    applyParameters: unsupported('parameters that can be changed while it runs'),
    setMaxMemory: (bytes) => expect(`cache_memlimit ${Math.floor(bytes / megabyte)}`, 'OK'),
    replicate: unsupported('replication'),
    bind: unsupported('addresses that can be changed while it runs'),
    // Its files are in its folder already. SASL reads them at each login, the text protocol when it has been told to.
    setAccess: (access) => untilLoggedIn(plan, plan.reach?.protocol === 'binary' ? controlLogin(plan) : markLogin(plan, access)),
    setTransit: unsupported('encryption that can be changed while it runs'),
    // Certificate and key together, or what was there stays.
    reloadCertificate: () => expect('refresh_certs', 'OK'),
    meet: unsupported('cluster'),
    claimSlots: unsupported('cluster'),
    replicateNode: unsupported('cluster'),
    takeOver: unsupported('cluster'),
    standForElection: unsupported('cluster'),
    forget: unsupported('cluster'),
    publishDiscovery: published.publish,
    // The command exists, but only with -A, and would then be open to every client. The caller sends SIGTERM.
    shutdown: unsupported('command to end it; it is ended by a signal'),
    command: (args) => conversation.raw(args.join(' '), commandDeadlineMs),
    close: () => conversation.close(),
  }
}

export const connect = async (plan: ConnectPlan, deadlineMs: number): Promise<EngineControl> => {
  const login = plan.reach?.authenticates === true ? controlLogin(plan) : null
  return controlOver(await openConversation(plan, login, deadlineMs), plan)
}
