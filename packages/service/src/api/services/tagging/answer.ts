/** The API for tags over services: what carries which tags, and changes of several at once. JSON, in the region of the signature. */
import { Fault } from '../../../errors.ts'
import type { ActionContext } from '../../action.ts'
import type { JsonInput } from '../../protocols/json.ts'
import { objectsOf, refuseOthers, textOf, textsOf } from './input.ts'
import { type TaggedResource, taggedResources } from './inventory.ts'

const invalid = (message: string): Fault => new Fault('InvalidParameterException', message)

const mostPerPage = 100

const sizeOf = (input: JsonInput, name: string): number => {
  const value = input[name] ?? mostPerPage
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= mostPerPage) return value
  throw invalid(`Expected ${name} to be a number from 1 to ${mostPerPage}.`)
}

/** One page, and the token of the next; empty: that is all. The token is the last key. */
const pageOf = <T>(input: JsonInput, size: number, all: readonly T[], keyOf: (item: T) => string) => {
  const token = textOf(input, 'PaginationToken')
  const after = Buffer.from(token, 'base64url').toString('utf8')
  if (Buffer.from(after).toString('base64url') !== token)
    throw new Fault('PaginationTokenExpiredException', 'The token is not one that a request before gave.')
  const rest = token === '' ? all : all.filter((item) => keyOf(item) > after)
  const page = rest.slice(0, size)
  const last = page.at(-1)
  return { page, token: rest.length > page.length && last !== undefined ? Buffer.from(keyOf(last)).toString('base64url') : '' }
}

const isOfType = ({ type }: TaggedResource, wanted: string): boolean => type === wanted || type.startsWith(`${wanted}:`)

const getResources = async (input: JsonInput, context: ActionContext): Promise<object> => {
  const known = ['PaginationToken', 'TagFilters', 'ResourcesPerPage', 'TagsPerPage', 'ResourceTypeFilters', 'ResourceARNList']
  refuseOthers(input, [...known, 'IncludeComplianceDetails', 'ExcludeCompliantResources'])
  const filters = objectsOf(input, 'TagFilters', 50).map((each) => ({
    key: textOf(each, 'Key'),
    values: textsOf(each, 'Values', 20),
  }))
  const [types, arns] = [textsOf(input, 'ResourceTypeFilters', 100), textsOf(input, 'ResourceARNList', 100)]
  if (arns.length > 0 && filters.length + types.length > 0)
    throw invalid('ResourceARNList cannot be used together with TagFilters or ResourceTypeFilters.')
  const found = (await taggedResources(context)).filter(
    (each) =>
      (arns.length === 0 || arns.includes(each.arn)) &&
      (types.length === 0 || types.some((type) => isOfType(each, type))) &&
      filters.every(({ key, values }) =>
        each.tags.some((tag) => tag.key === key && (values.length === 0 || values.includes(tag.value))),
      ),
  )
  const { page, token } = pageOf(input, sizeOf(input, 'ResourcesPerPage'), found, ({ arn }) => arn)
  const ResourceTagMappingList = page.map(({ arn: ResourceARN, tags }) => ({
    ResourceARN,
    Tags: tags.map(({ key: Key, value: Value }) => ({ Key, Value })),
  }))
  return { PaginationToken: token, ResourceTagMappingList }
}

const getTagKeys = async (input: JsonInput, context: ActionContext): Promise<object> => {
  refuseOthers(input, ['PaginationToken', 'MaxResults'])
  const all = (await taggedResources(context)).flatMap(({ tags }) => tags.map(({ key }) => key))
  const { page, token } = pageOf(input, sizeOf(input, 'MaxResults'), [...new Set(all)].toSorted(), (key) => key)
  return { PaginationToken: token, TagKeys: page }
}

const getTagValues = async (input: JsonInput, context: ActionContext): Promise<object> => {
  refuseOthers(input, ['PaginationToken', 'MaxResults', 'Key'])
  const key = textOf(input, 'Key')
  if (key === '') throw invalid('The request must contain the parameter Key.')
  const tags = (await taggedResources(context)).flatMap((each) => each.tags)
  const all = tags.flatMap((tag) => (tag.key === key ? [tag.value] : []))
  const { page, token } = pageOf(input, sizeOf(input, 'MaxResults'), [...new Set(all)].toSorted(), (value) => value)
  return { PaginationToken: token, TagValues: page }
}

/** A call of the service that a resource belongs to: it authorises and does what is asked of one resource. */
export interface TagCall {
  readonly service: 'ec2' | 'elasticache'
  readonly action: string
  readonly parameters: ReadonlyMap<string, string>
}

type Place = Pick<ActionContext, 'region' | 'account'>

const callOf = (
  place: Place,
  arn: string,
  tags: readonly (readonly [key: string, value: string])[] | null,
  keys: readonly string[],
): TagCall => {
  const [, , service, region, account] = arn.split(':')
  if (region !== place.region || account !== place.account)
    throw invalid(`Expected the ARN of something of ${place.region} in the account ${place.account}, found ${arn.slice(0, 200)}.`)
  const numbered = (prefix: string, entries: readonly string[], suffix = ''): (readonly [string, string])[] =>
    entries.map((entry, index) => [`${prefix}.${index + 1}${suffix}`, entry])
  const names = tags?.map(([key]) => key) ?? keys
  const values = tags?.map(([, value]) => value) ?? []
  if (service === 'ec2') {
    const id = arn.slice(arn.lastIndexOf('/') + 1)
    const given = [...numbered('Tag', names, '.Key'), ...numbered('Tag', values, '.Value')]
    return { service, action: tags === null ? 'DeleteTags' : 'CreateTags', parameters: new Map([['ResourceId.1', id], ...given]) }
  }
  if (service !== 'elasticache') throw invalid(`Expected the ARN of something of ElastiCache or EC2, found ${arn.slice(0, 200)}.`)
  const resource = [['ResourceName', arn]] as const
  if (tags === null)
    return { service, action: 'RemoveTagsFromResource', parameters: new Map([...resource, ...numbered('TagKeys.member', keys)]) }
  const given = [...numbered('Tags.Tag', names, '.Key'), ...numbered('Tags.Tag', values, '.Value')]
  return { service, action: 'AddTagsToResource', parameters: new Map([...resource, ...given]) }
}

/** What fails is told for each resource, and the rest is done. */
const changeTags = async (
  arns: readonly string[],
  call: (arn: string) => TagCall,
  carryOut: (call: TagCall) => Promise<unknown>,
): Promise<object> => {
  const failed: [string, object][] = []
  for (const arn of arns) {
    try {
      await carryOut(call(arn))
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      failed.push([
        arn,
        { StatusCode: 400, ErrorCode: 'InvalidParameterException', ErrorMessage: `${error.shape}: ${error.message}` },
      ])
    }
  }
  return { FailedResourcesMap: Object.fromEntries(failed) }
}

const arnsOf = (input: JsonInput): readonly string[] => {
  const arns = textsOf(input, 'ResourceARNList', 20)
  if (arns.length === 0) throw invalid('The request must contain the parameter ResourceARNList.')
  return arns
}

const tagsOf = (input: JsonInput): readonly (readonly [string, string])[] => {
  const tags = input['Tags']
  const entries = typeof tags === 'object' && tags !== null && !Array.isArray(tags) ? Object.entries(tags) : []
  if (entries.length === 0 || entries.length > 50) throw invalid('Expected Tags to be an object of 1 to 50 texts.')
  return entries.map(([key, value]: [string, unknown]) => {
    if (typeof value !== 'string') throw invalid('Expected Tags to be an object of 1 to 50 texts.')
    return [key, value]
  })
}

const known = ['GetResources', 'GetTagKeys', 'GetTagValues', 'TagResources', 'UntagResources']

/** Throws `InvalidAction` for every other operation, and `InvalidParameterException`. */
export const answerTagging = async (
  name: string,
  input: JsonInput,
  context: ActionContext,
  carryOut: (call: TagCall) => Promise<unknown>,
): Promise<string> => {
  const answer = async (): Promise<object> => {
    switch (name) {
      case 'GetResources':
        return getResources(input, context)
      case 'GetTagKeys':
        return getTagKeys(input, context)
      case 'GetTagValues':
        return getTagValues(input, context)
      case 'TagResources': {
        refuseOthers(input, ['ResourceARNList', 'Tags'])
        const tags = tagsOf(input)
        return changeTags(arnsOf(input), (arn) => callOf(context, arn, tags, []), carryOut)
      }
      case 'UntagResources': {
        refuseOthers(input, ['ResourceARNList', 'TagKeys'])
        const keys = textsOf(input, 'TagKeys', 50)
        if (keys.length === 0) throw invalid('The request must contain the parameter TagKeys.')
        return changeTags(arnsOf(input), (arn) => callOf(context, arn, null, keys), carryOut)
      }
      default:
        throw new Fault(
          'InvalidAction',
          `Could not find operation ${name.slice(0, 100)}; of the API for tags, Larder has ${known.join(', ')}.`,
        )
    }
  }
  return JSON.stringify(await answer())
}
