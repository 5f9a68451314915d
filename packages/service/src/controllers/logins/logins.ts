/** Logins of IAM users: how nodes ask about them, and what they are answered. */
import { randomUUID } from 'node:crypto'
import { Fault, LarderError } from '../../errors.ts'
import { type LoginSocket, openLoginSocket } from '../../host/login-socket.ts'
import type { Audit } from '../../observe/audit.ts'
import type { InstalledEngine } from '../../ports/catalog.ts'
import type { Log } from '../../ports/log.ts'
import type { LoginModule, LoginQuestion, LoginSettings } from '../../ports/logins.ts'
import { connectAction, decideLogin, type LoginContext, type LoginTrail } from '../../security/iam/login.ts'

/** As on AWS. */
const longestSeconds = 12 * 3600
/** Long enough for a restart of the service, shorter than clients wait for an answer. */
const waitMs = 3_000

/** For tests. Throws `usage`. */
const secondsOf = (environment: NodeJS.ProcessEnv): number => {
  const text = environment['LARDER_IAM_LOGIN_SECONDS'] || String(longestSeconds)
  if (!/^[1-9]\d{0,4}$/.test(text) || Number(text) > longestSeconds)
    throw new LarderError('usage', `expected LARDER_IAM_LOGIN_SECONDS to be from 1 to ${longestSeconds}, found ${text}`)
  return Number(text)
}

/** How nodes of each engine ask; null: they cannot. */
export const loginSettings = (
  socket: string,
  module: LoginModule,
  environment: NodeJS.ProcessEnv,
): ((engine: InstalledEngine) => LoginSettings | null) => {
  const settings = { socket, seconds: secondsOf(environment), waitMs }
  return (engine) => {
    const file = module.fileFor(engine)
    return file === null ? null : { ...settings, module: file }
  }
}

interface Told {
  readonly audit: Audit
  readonly log: Log
}

const isRight = async (question: LoginQuestion, context: LoginContext, audit: Audit): Promise<boolean> => {
  const trail: LoginTrail = { region: null, resources: [], caller: null }
  const tell = (decision: 'allowed' | 'denied' | 'unauthenticated' | 'undecided', reason?: string): void =>
    audit({
      arn: trail.caller?.arn ?? null,
      accessKeyId: trail.caller?.accessKeyId ?? null,
      action: connectAction,
      resources: trail.resources,
      region: trail.region,
      sourceAddress: question.sourceAddress || null,
      userAgent: null,
      decision,
      errorCode: decision === 'allowed' ? null : 'WRONGPASS',
      requestId: randomUUID(),
      ...(reason === undefined ? {} : { reason }),
    })
  try {
    await decideLogin(question, context, trail)
  } catch (error) {
    if (!(error instanceof Fault)) {
      tell('undecided')
      throw error
    }
    // The client is told nothing but WRONGPASS; whoever looks after the service may know why.
    const reason = `${question.user.slice(0, 60)} at ${question.scope}: ${error.message}`
    tell(trail.caller === null ? 'unauthenticated' : 'denied', reason)
    return false
  }
  tell('allowed')
  return true
}

export const openLogins = (socket: string, context: LoginContext, told: Told): Promise<LoginSocket> =>
  openLoginSocket(socket, (question) => isRight(question, context, told.audit), told.log)
