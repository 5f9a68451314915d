/** One request of the API, from its bytes to its answer. */
import { Fault, LarderError } from '../errors.ts'
import type { Audit } from '../observe/audit.ts'
import type { Log } from '../ports/log.ts'
import type { Sealer } from '../security/seal.ts'
import { type Caller, checkService, type SignedRequest, type Verifier, verifySignature } from '../security/sigv4.ts'
import type { Action, ActionContext } from './action.ts'
import { answerEc2 } from './ec2/answer.ts'
import { ec2Error, encodeEc2Error } from './ec2/wire.ts'
import { answerIam, iamError, iamNamespace, iamVersion } from './iam/answer.ts'
import { authorise, type Trail } from './iam/authorise.ts'
import { answerLarder } from './larder/answer.ts'
import { withOperation, withoutOperation } from './markers.ts'
import { answerSts, stsNamespace, stsVersion } from './sts/answer.ts'
import { answerTagging } from './tagging/answer.ts'
import { encodeJsonError, jsonType, readJson, taggingError } from './tagging/json.ts'
import { ec2Namespace, ec2Version, larderApiVersion, larderNamespace } from './versions.ts'
import { decodeInput } from './wire/decode.ts'
import { encodeOutput } from './wire/encode.ts'
import { encodeError, internalFailure, type WireError } from './wire/error.ts'
import { wireError } from './wire/fault.ts'
import { parseFormBody, refuseAmbiguous } from './wire/form.ts'
import { apiVersion, namespace, operations } from './wire/schema.ts'

export type Actions = Readonly<Record<string, Action<never, object>>>

export interface DispatchDependencies {
  readonly verifier: Verifier
  readonly actions: Actions
  readonly context: (caller: Caller) => ActionContext
  readonly log: Log
  readonly audit: Audit
  /** For the secrets of access keys. */
  readonly sealer: Sealer
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
  /** Left out: XML. */
  readonly type?: typeof jsonType
}

type Parameters = ReadonlyMap<string, string>

/** A request whose signature is right. */
interface Asking {
  readonly caller: Caller
  readonly parameters: Parameters
  readonly context: ActionContext
  readonly requestId: string
}

/** A service of AWS, by the name in the scope of a signature. */
interface Service {
  readonly version: string
  readonly xmlns: string
  /** Its errors, and their form, where they are not those of ElastiCache. */
  readonly wireError?: (fault: Fault) => WireError | null
  readonly encodeError?: (error: WireError, requestId: string) => string
  /** Throws for an operation that is not there, before anybody is asked whether it is allowed. */
  readonly check?: (dependencies: DispatchDependencies, action: string) => void
  answer(dependencies: DispatchDependencies, action: string, asking: Asking): Promise<string>
}

const elastiCacheAction = ({ actions }: DispatchDependencies, name: string) => {
  const operation = operations.get(name)
  if (operation === undefined)
    throw new Fault('InvalidAction', `Could not find operation ${name.slice(0, 100)} for version ${apiVersion}`)
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined
  if (action === undefined)
    throw new Fault(
      'NotYetImplemented',
      `Larder does not have the operation ${name} yet; docs/api-coverage.md lists what it has.`,
    )
  return { operation, action }
}

const answerElastiCache: Service['answer'] = async (dependencies, name, { parameters, context, requestId }) => {
  const { operation, action } = elastiCacheAction(dependencies, name)
  const input = decodeInput(operation.input, parameters)
  // The registry pairs each name with an action of its types, and the input is of the schema of that name.
  const output = await action(withoutOperation(name, input) as never, context)
  return encodeOutput(name, operation.output, withOperation(name, output), requestId)
}

/** The API for tags hands changes on to the service that a resource belongs to, which decides whether the caller may make them. */
const answerTags = async (
  dependencies: DispatchDependencies,
  { request, requestId, sourceAddress }: Received,
  caller: Caller,
  trail: Trail,
): Promise<string> => {
  const { action, input } = readJson(request)
  const context = dependencies.context(caller)
  const userAgent = request.headers['user-agent'] ?? null
  const asked = { sourceAddress, userAgent }
  // Policies call this service `tag`.
  await authorise({ caller: { ...caller, service: 'tag' }, action, parameters: new Map(), ...asked }, context, trail)
  return answerTagging(action, input, context, async (call) => {
    const service = services.get(call.service)
    if (service === undefined) throw new TypeError(`expected a service ${call.service}, found none`)
    const one: Trail = { action: null, resources: [], decision: 'undecided' }
    const owner = { ...caller, service: call.service }
    try {
      await authorise({ caller: owner, action: call.action, parameters: call.parameters, ...asked }, context, one)
    } finally {
      trail.resources = [...new Set([...trail.resources, ...one.resources])]
      if (one.decision === 'denied') trail.decision = 'denied'
    }
    return service.answer(dependencies, call.action, { caller: owner, parameters: call.parameters, context, requestId })
  })
}

const services: ReadonlyMap<string, Service> = new Map<string, Service>([
  ['elasticache', { version: apiVersion, xmlns: namespace, check: elastiCacheAction, answer: answerElastiCache }],
  [
    'sts',
    {
      version: stsVersion,
      xmlns: stsNamespace,
      answer: async (_dependencies, action, { caller, requestId }) => answerSts(action, caller, requestId),
    },
  ],
  [
    'ec2',
    {
      version: ec2Version,
      xmlns: ec2Namespace,
      wireError: ec2Error,
      encodeError: encodeEc2Error,
      answer: (_dependencies, action, { parameters, context, requestId }) => answerEc2(action, parameters, context, requestId),
    },
  ],
  [
    'iam',
    {
      version: iamVersion,
      xmlns: iamNamespace,
      wireError: iamError,
      answer: ({ sealer }, action, { parameters, context, caller, requestId }) =>
        answerIam(action, parameters, { ...context, caller, sealer }, requestId),
    },
  ],
  [
    'larder',
    {
      version: larderApiVersion,
      xmlns: larderNamespace,
      answer: (_dependencies, action, { parameters, context, requestId }) => answerLarder(action, parameters, context, requestId),
    },
  ],
])

const taggingService = 'tagging'

const formType = /^application\/x-www-form-urlencoded\s*(;|$)/i

/** From the query and, of a POST, from the body: a presigned POST carries all in its query. */
const parametersOf = (request: SignedRequest): Map<string, string> => {
  const parameters = new Map([...request.query].filter(([name]) => !/^x-amz-/i.test(name)))
  if (request.method === 'GET' || request.body.length === 0) return parameters
  const contentType = request.headers['content-type'] ?? ''
  if (!formType.test(contentType)) {
    const found = contentType === '' ? 'no content type' : contentType.slice(0, 100)
    throw new Fault('UnsupportedMediaType', `Expected a body of application/x-www-form-urlencoded, found ${found}.`)
  }
  for (const [name, value] of parseFormBody(request.body)) {
    if (parameters.has(name))
      throw new Fault('MalformedQueryString', `Expected each parameter once, found ${name.slice(0, 100)} in query and body.`)
    parameters.set(name, value)
  }
  return parameters
}

/** Nothing is done, and nothing is looked up for the caller, before he is known to be allowed to ask for it. */
const answerSigned = async (
  dependencies: DispatchDependencies,
  { request, requestId, sourceAddress }: Received,
  caller: Caller,
  trail: Trail,
): Promise<string> => {
  if (caller.service === taggingService) return answerTags(dependencies, { request, requestId, sourceAddress }, caller, trail)
  const service = services.get(caller.service)
  // As an endpoint of ElastiCache would; ours may be asked for any service.
  if (service === undefined) {
    const here = [...services.keys(), taggingService].join(', ')
    const expected = "Credential should be scoped to correct service: 'elasticache'."
    throw new Fault('SignatureDoesNotMatch', `${expected} Larder has ${here}, and no ${caller.service.slice(0, 60)}.`)
  }
  const parameters = parametersOf(request)
  const action = parameters.get('Action') ?? ''
  if (action === '') throw new Fault('MissingAction', 'The request is missing an action or a required parameter.')
  const version = parameters.get('Version') ?? ''
  if (version !== service.version) {
    for (const [name, other] of services) if (other.version === version) checkService(caller, name)
    const found = version === '' ? 'NO_VERSION_SPECIFIED' : version.slice(0, 40)
    throw new Fault('InvalidAction', `Could not find operation ${action.slice(0, 100)} for version ${found}`)
  }
  if (caller.service !== 'elasticache') refuseAmbiguous(parameters)
  parameters.delete('Action')
  parameters.delete('Version')
  service.check?.(dependencies, action)
  const context = dependencies.context(caller)
  const userAgent = request.headers['user-agent'] ?? null
  await authorise({ caller, action, parameters, sourceAddress, userAgent }, context, trail)
  return service.answer(dependencies, action, { caller, parameters, context, requestId })
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
  try {
    caller = await verifySignature(request, dependencies.verifier)
    const body = await answerSigned(dependencies, received, caller, trail)
    return { status: 200, body, signed: true, ...(caller.service === taggingService ? { type: jsonType } : {}) }
  } catch (error) {
    if (caller?.service === taggingService) {
      const told = tellable(error, dependencies.log, requestId, taggingError)
      errorCode = told.code
      return { status: told.status, body: encodeJsonError(told), signed: true, type: jsonType }
    }
    const service = caller === undefined ? undefined : services.get(caller.service)
    const wire = tellable(error, dependencies.log, requestId, service?.wireError)
    errorCode = wire.code
    const body = service?.encodeError?.(wire, requestId) ?? encodeError(wire, requestId, service?.xmlns ?? namespace)
    return { status: wire.status, body, signed: caller !== undefined }
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
