/** One request of the API, from its bytes to its answer. */
import { Fault, LarderError } from '../errors.ts'
import type { Log } from '../ports/log.ts'
import { type Caller, checkService, type SignedRequest, type Verifier, verifySignature } from '../security/sigv4.ts'
import type { Action, ActionContext } from './action.ts'
import { answerSts, stsNamespace, stsVersion } from './sts/answer.ts'
import { decodeInput } from './wire/decode.ts'
import { encodeError, encodeOutput } from './wire/encode.ts'
import { wireError } from './wire/fault.ts'
import { parseForm } from './wire/form.ts'
import { apiVersion, namespace, operations } from './wire/schema.ts'

export type Actions = Readonly<Record<string, Action<never, object>>>

export interface DispatchDependencies {
  readonly verifier: Verifier
  readonly actions: Actions
  readonly context: (caller: Caller) => ActionContext
  readonly log: Log
}

export interface Answer {
  readonly status: number
  readonly body: string
}

const formType = /^application\/x-www-form-urlencoded\s*(;|$)/i
/** Operations of STS that clients may send unsigned scopes for are none; the version tells which service is meant. */
const servicesOfVersion: Readonly<Record<string, string>> = { [apiVersion]: 'elasticache', [stsVersion]: 'sts' }

const textOf = (body: Uint8Array): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch (error) {
    throw new Fault('MalformedQueryString', 'The body of the request is not UTF-8.', { cause: error })
  }
}

const parametersOf = (request: SignedRequest): ReadonlyMap<string, string> => {
  if (request.method === 'GET') return new Map([...request.query].filter(([name]) => !name.startsWith('X-Amz-')))
  const contentType = request.headers['content-type']
  if (contentType !== undefined && !formType.test(contentType)) {
    throw new Fault('UnsupportedMediaType', `Expected application/x-www-form-urlencoded, found ${contentType.slice(0, 100)}.`)
  }
  return parseForm(textOf(request.body))
}

const runAction = async (
  dependencies: DispatchDependencies,
  caller: Caller,
  name: string,
  parameters: ReadonlyMap<string, string>,
  requestId: string,
): Promise<string> => {
  const operation = operations.get(name)
  if (operation === undefined)
    throw new Fault('InvalidAction', `Could not find operation ${name.slice(0, 100)} for version ${apiVersion}.`)
  const action = Object.hasOwn(dependencies.actions, name) ? dependencies.actions[name] : undefined
  if (action === undefined)
    throw new Fault(
      'NotYetImplemented',
      `Larder does not have the operation ${name} yet; docs/api-coverage.md lists those that it has.`,
    )
  const input = decodeInput(operation.input, new Map([...parameters].filter(([key]) => key !== 'Action' && key !== 'Version')))
  const output = await action(input as never, dependencies.context(caller))
  return encodeOutput(name, operation.output, output, requestId)
}

const answer = async (dependencies: DispatchDependencies, request: SignedRequest, requestId: string): Promise<string> => {
  const caller = await verifySignature(request, dependencies.verifier)
  const parameters = parametersOf(request)
  const name = parameters.get('Action')
  if (name === undefined || name === '')
    throw new Fault('MissingAction', 'The request is missing an action or a required parameter.')
  const version = parameters.get('Version') ?? ''
  const service = servicesOfVersion[version]
  if (service === undefined)
    throw new Fault(
      'InvalidAction',
      `Could not find operation ${name.slice(0, 100)} for version ${version.slice(0, 40) || '(none)'}.`,
    )
  checkService(caller, service)
  return service === 'sts' ? answerSts(name, caller, requestId) : runAction(dependencies, caller, name, parameters, requestId)
}

/** Our own failures: the caller learns that it failed and under which id; the log has the cause. */
const failure = (error: unknown): Fault => {
  if (error instanceof LarderError && error.code === 'store-busy')
    return new Fault('ServiceUnavailable', 'The request was in conflict with others too often; send it again.')
  return new Fault('InternalFailure', 'The request processing has failed because of an unknown error, exception or failure.')
}

/** Never rejects. */
export const dispatch = async (
  dependencies: DispatchDependencies,
  request: SignedRequest,
  requestId: string,
): Promise<Answer> => {
  try {
    return { status: 200, body: await answer(dependencies, request, requestId) }
  } catch (error) {
    const fault = error instanceof Fault ? error : failure(error)
    if (fault !== error) dependencies.log('error', 'a request failed', { requestId, error })
    const wire = wireError(fault)
    const xmlns = request.body.length < 4_096 && Buffer.from(request.body).includes(stsVersion) ? stsNamespace : namespace
    return { status: wire.status, body: encodeError(wire, requestId, xmlns) }
  }
}
