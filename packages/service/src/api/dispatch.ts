/** One request of the API, from its bytes to its answer. */
import { Fault, LarderError } from '../errors.ts'
import type { Audit } from '../observe/audit.ts'
import type { Log } from '../ports/log.ts'
import { type Caller, checkService, type SignedRequest, type Verifier, verifySignature } from '../security/sigv4.ts'
import type { ActionContext } from './action.ts'
import { authorise, type Trail } from './authorise/authorise.ts'
import { internalFailure, type WireError } from './protocols/query/error.ts'
import { wireError } from './protocols/query/fault.ts'
import type { AnswerType, Asking, ServiceDependencies } from './service.ts'
import { formServices, services, usualService } from './services.ts'

export interface DispatchDependencies extends ServiceDependencies {
  readonly verifier: Verifier
  readonly context: (caller: Caller) => ActionContext
  readonly log: Log
  readonly audit: Audit
}

/** A request as it came in. */
export interface Received {
  readonly request: SignedRequest
  readonly requestId: string
  /** Null: not known. */
  readonly sourceAddress: string | null
}

export interface Answer {
  readonly status: number
  readonly body: string
  /** Its signature was right, whatever came of it. */
  readonly signed: boolean
  readonly type: AnswerType
}

/** Throws for a service that is not there, as an endpoint of ElastiCache would; ours may be asked for any service. */
const serviceOf = ({ service: name }: Caller) => {
  const service = services.get(name)
  if (service !== undefined) return service
  const expected = "Credential should be scoped to correct service: 'elasticache'."
  const here = [...services.keys()].join(', ')
  throw new Fault('SignatureDoesNotMatch', `${expected} Larder has ${here}, and no ${name.slice(0, 60)}.`)
}

/** Nothing is done, and nothing is looked up for the caller, before he is known to be allowed to ask for it. */
const answerSigned = async (
  dependencies: DispatchDependencies,
  { request, requestId, sourceAddress }: Received,
  caller: Caller,
  trail: Trail,
): Promise<string> => {
  const service = serviceOf(caller)
  const { action, version, prepare } = service.read(request)
  if (version !== service.version) {
    for (const [name, other] of services) if (other.version === version) checkService(caller, name)
    const found = version === '' ? 'NO_VERSION_SPECIFIED' : version?.slice(0, 40)
    throw new Fault('InvalidAction', `Could not find operation ${action.slice(0, 100)} for version ${found}`)
  }
  const context = dependencies.context(caller)
  const asked = { sourceAddress, userAgent: request.headers['user-agent'] ?? null }
  const forward: Asking<unknown>['forward'] = async (name, called, parameters) => {
    const other = formServices.get(name)
    if (other === undefined) throw new TypeError(`expected a service ${name}, found none`)
    const owner = { ...caller, service: name }
    const one: Trail = { action: null, resources: [], decision: 'undecided' }
    const call = { action: called, input: parameters, caller: owner, context, requestId, forward }
    const { about, answer } = other.prepare(dependencies, call)
    try {
      await authorise({ caller: owner, action: `${other.policyName}:${called}`, about, ...asked }, context, one)
    } finally {
      trail.resources = [...new Set([...trail.resources, ...one.resources])]
      if (one.decision === 'denied') trail.decision = 'denied'
    }
    return answer()
  }
  const { about, answer } = prepare(dependencies, { caller, context, requestId, forward })
  await authorise({ caller, action: `${service.policyName}:${action}`, about, ...asked }, context, trail)
  return answer()
}

/**
 * What the caller may know of an error. Our own failures, and faults that no model knows, go to the log under the id of the request; the
 * caller learns that it failed.
 */
export const tellable = (error: unknown, log: Log, requestId: string, known = wireError): WireError => {
  const wire = error instanceof Fault ? known(error) : null
  if (wire !== null) return wire
  log('error', 'a request failed', { requestId, error })
  if (!(error instanceof LarderError && error.code === 'store-busy')) return internalFailure
  const message = 'The request was in conflict with others too often; send it again.'
  return { code: 'ServiceUnavailable', status: 503, message }
}

/** Never rejects: whatever happens is an answer in AWS's form. */
export const dispatch = async (dependencies: DispatchDependencies, received: Received): Promise<Answer> => {
  const { request, requestId, sourceAddress } = received
  const trail: Trail = { action: null, resources: [], decision: 'unauthenticated' }
  let caller: Caller | undefined
  let errorCode: string | null = null
  const formOf = () => services.get(caller?.service ?? '') ?? usualService
  try {
    caller = await verifySignature(request, dependencies.verifier)
    const body = await answerSigned(dependencies, received, caller, trail)
    return { status: 200, body, signed: true, type: formOf().protocol.type }
  } catch (error) {
    const { protocol, wireError: known } = formOf()
    const wire = tellable(error, dependencies.log, requestId, known)
    errorCode = wire.code
    const body = protocol.encodeError(wire, requestId)
    return { status: wire.status, body, signed: caller !== undefined, type: protocol.type }
  } finally {
    const { action, resources, decision } = trail
    dependencies.audit({
      arn: caller?.arn ?? null,
      accessKeyId: caller?.accessKeyId ?? null,
      action,
      resources,
      region: caller?.region ?? null,
      sourceAddress,
      userAgent: request.headers['user-agent'] ?? null,
      decision,
      errorCode,
      requestId,
    })
  }
}
