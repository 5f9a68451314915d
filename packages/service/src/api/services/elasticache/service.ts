/** ElastiCache: operations, inputs and outputs by the schema that AWS ships. */
import { Fault } from '../../../errors.ts'
import type { Tag } from '../../../model/group.ts'
import { withOperation, withoutOperation } from '../../markers.ts'
import { decodeInput } from '../../protocols/query/decode.ts'
import { encodeOutput } from '../../protocols/query/encode.ts'
import { wireError } from '../../protocols/query/fault.ts'
import { queryProtocol } from '../../protocols/query/protocol.ts'
import { apiVersion, namespace, operations } from '../../protocols/query/schema.ts'
import type { About, Asking, Parameters, Service, ServiceDependencies } from '../../service.ts'
import { elastiCacheResources } from './resources.ts'

/** Throws `InvalidAction` and `NotYetImplemented`. */
const operationOf = ({ actions }: ServiceDependencies, name: string) => {
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

/** Tags in a decoded input: `[{ Key, Value }]`. */
const tagsIn = (value: unknown): readonly Tag[] =>
  (Array.isArray(value) ? (value as readonly unknown[]) : []).map((each) => {
    const { Key: key, Value: text } = each as { readonly Key?: unknown; readonly Value?: unknown }
    return { key: String(key ?? ''), value: String(text ?? '') }
  })

const aboutInput = ({ action, caller }: Asking<Parameters>, input: Readonly<Record<string, unknown>>): About => {
  const tags = tagsIn(input['Tags'])
  const removed = Array.isArray(input['TagKeys']) ? (input['TagKeys'] as readonly string[]) : []
  return {
    resources: elastiCacheResources(action, input, caller.region, caller.account),
    tags,
    tagKeys: [...tags.map(({ key }) => key), ...removed],
    taggedBy: action.startsWith('Create') ? ['elasticache:AddTagsToResource'] : [],
  }
}

export const elastiCache: Service = {
  name: 'elasticache',
  policyName: 'elasticache',
  version: apiVersion,
  protocol: queryProtocol(namespace),
  wireError,
  prepare: (dependencies, asking) => {
    const name = asking.action
    const { operation, action } = operationOf(dependencies, name)
    let decoded: object | null = null
    // Once, when it is asked for: what is authorised is what is done.
    const input = (): object => (decoded ??= decodeInput(operation.input, asking.input))
    return {
      about: () => aboutInput(asking, input() as Readonly<Record<string, unknown>>),
      answer: async () => {
        // The registry pairs each name with an action of its types, and the input is of the schema of that name.
        const output = await action(withoutOperation(name, input()) as never, asking.context)
        return encodeOutput(name, operation.output, withOperation(name, output), asking.requestId)
      },
    }
  },
}
