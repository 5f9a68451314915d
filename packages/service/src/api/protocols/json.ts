/** JSON 1.1: the action is in a header, the input is one object. */
import { Fault } from '../../errors.ts'
import { parseJson } from '../../model/json.ts'
import type { Protocol } from '../service.ts'

export type JsonInput = Readonly<Record<string, unknown>>

const type = 'application/x-amz-json-1.1'

/** `target`: what the header `x-amz-target` says before the action. */
export const jsonProtocol = (target: string): Protocol<JsonInput> => ({
  type,
  /** Throws `InvalidAction`, `UnsupportedMediaType`, `SerializationException`. */
  read: ({ headers, body }) => {
    const named = headers['x-amz-target'] ?? ''
    if (!named.startsWith(target))
      throw new Fault(
        'InvalidAction',
        `Expected a header x-amz-target like ${target}GetResources, found ${named.slice(0, 100) || 'none'}.`,
      )
    const found = headers['content-type'] ?? ''
    if (found.split(';')[0]?.trim().toLowerCase() !== type)
      throw new Fault('UnsupportedMediaType', `Expected a body of ${type}, found ${found.slice(0, 100) || 'no content type'}.`)
    let input: unknown
    try {
      input = parseJson(Buffer.from(body).toString('utf8') || '{}')
    } catch (error) {
      throw new Fault('SerializationException', `The body is no JSON: ${String(error).slice(0, 200)}`)
    }
    if (typeof input !== 'object' || input === null || Array.isArray(input))
      throw new Fault('SerializationException', 'Expected a body that is one object.')
    return { action: named.slice(target.length), version: null, input: input as JsonInput }
  },
  encodeError: ({ code, message }) => JSON.stringify({ __type: code, message }),
})
