/** The query protocol: a form in the query or the body, answers in XML. */
import { Fault } from '../../../errors.ts'
import type { SignedRequest } from '../../../security/sigv4.ts'
import type { Parameters, Protocol } from '../../service.ts'
import { encodeError } from './error.ts'
import { parseFormBody } from './form.ts'

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

/** `encode`: errors, where the service has a form of its own for them. */
export const queryProtocol = (
  xmlns: string,
  encode: Protocol<Parameters>['encodeError'] = (error, requestId) => encodeError(error, requestId, xmlns),
): Protocol<Parameters> => ({
  type: 'text/xml',
  read: (request) => {
    const input = parametersOf(request)
    const action = input.get('Action') ?? ''
    if (action === '') throw new Fault('MissingAction', 'The request is missing an action or a required parameter.')
    const version = input.get('Version') ?? ''
    input.delete('Action')
    input.delete('Version')
    return { action, version, input }
  },
  encodeError: encode,
})
