/** The query protocol as EC2 speaks it: lists are numbered, items of answers are called `item`, errors have a form of their own. */
import { Fault } from '../../errors.ts'
import type { Tag } from '../../model/group.ts'
import type { WireError } from './query/error.ts'
import { wireError } from './query/fault.ts'
import { escapeXml } from './query/xml.ts'

export type Parameters = ReadonlyMap<string, string>

/** EC2's own errors; all are 400. The shape of a `Fault` is the code. */
const codes: ReadonlySet<string> = new Set([
  'AddressLimitExceeded',
  'CannotDelete',
  'DependencyViolation',
  'Gateway.NotAttached',
  'InvalidAddress.NotFound',
  'InvalidAllocationID.NotFound',
  'InvalidAssociationID.NotFound',
  'InvalidGroup.Duplicate',
  'InvalidGroup.InUse',
  'InvalidGroup.NotFound',
  'InvalidGroupId.Malformed',
  'InvalidID',
  'InvalidIPAddress.InUse',
  'InvalidInternetGatewayID.NotFound',
  'InvalidNetworkAclEntry.NotFound',
  'InvalidNetworkAclID.NotFound',
  'InvalidNetworkInterfaceID.NotFound',
  'InvalidNextToken',
  'InvalidParameterCombination',
  'InvalidParameterValue',
  'InvalidPermission.Duplicate',
  'InvalidPermission.Malformed',
  'InvalidPermission.NotFound',
  'InvalidPrefixListId.Malformed',
  'InvalidRoute.NotFound',
  'InvalidRouteTableID.NotFound',
  'InvalidSecurityGroupRuleId.NotFound',
  'InvalidSubnet.Conflict',
  'InvalidSubnet.Range',
  'InvalidSubnetID.NotFound',
  'InvalidVpc.Range',
  'InvalidVpcCidrBlockAssociationID.NotFound',
  'InvalidVpcID.NotFound',
  'MissingParameter',
  'NatGatewayNotFound',
  'NetworkAclEntryAlreadyExists',
  'NetworkAclEntryLimitExceeded',
  'OperationNotPermitted',
  'Resource.AlreadyAssociated',
  'RouteAlreadyExists',
  'RulesPerSecurityGroupLimitExceeded',
  'SecurityGroupLimitExceeded',
  'SubnetLimitExceeded',
  'UnknownParameter',
  'UnsupportedOperation',
  'VpcLimitExceeded',
])

/** Null: no such error is known, which is a mistake of ours. `DryRunOperation` says that it would have been done. */
export const ec2Error = (fault: Fault): WireError | null => {
  if (fault.shape === 'DryRunOperation') return { code: fault.shape, status: 412, message: fault.message }
  return codes.has(fault.shape) ? { code: fault.shape, status: 400, message: fault.message } : wireError(fault)
}

export const encodeEc2Error = ({ code, message }: WireError, requestId: string): string =>
  `<Response><Errors><Error><Code>${escapeXml(code)}</Code><Message>${escapeXml(message)}</Message></Error></Errors>` +
  `<RequestID>${requestId}</RequestID></Response>`

/** `<name>text</name>`; nothing where there is no value. */
export const element = (name: string, value: string | number | boolean | undefined): string =>
  value === undefined ? '' : `<${name}>${escapeXml(String(value))}</${name}>`

export const items = (name: string, contents: readonly string[]): string =>
  `<${name}>${contents.map((content) => `<item>${content}</item>`).join('')}</${name}>`

export const tagSet = (tags: readonly Tag[]): string =>
  items(
    'tagSet',
    tags.map(({ key, value }) => element('key', key) + element('value', value)),
  )

/** The values of `GroupId.1`, `GroupId.2`, … in the order of their numbers. Throws `UnknownParameter` for `GroupId` alone: it would count for nothing. */
export const listOf = (parameters: Parameters, name: string): readonly string[] => {
  if (parameters.has(name)) throw new Fault('UnknownParameter', `The parameter ${name} is not recognized: expected ${name}.1`)
  return [...parameters]
    .flatMap(([key, value]) => {
      const number = key.startsWith(`${name}.`) ? key.slice(name.length + 1) : ''
      return /^[0-9]{1,5}$/.test(number) ? [[Number(number), value] as const] : []
    })
    .toSorted(([a], [b]) => a - b)
    .map(([, value]) => value)
}

/** The members of `IpPermissions.1.…`, `IpPermissions.2.…`, each as parameters without that prefix. */
export const structuresOf = (parameters: Parameters, name: string): readonly Parameters[] => {
  const found = new Map<number, Map<string, string>>()
  for (const [key, value] of parameters) {
    if (!key.startsWith(`${name}.`)) continue
    const [number = '', ...rest] = key.slice(name.length + 1).split('.')
    if (!/^[0-9]{1,5}$/.test(number) || rest.length === 0) continue
    const members = found.get(Number(number)) ?? new Map<string, string>()
    members.set(rest.join('.'), value)
    found.set(Number(number), members)
  }
  return [...found].toSorted(([a], [b]) => a - b).map(([, members]) => members)
}

/** Throws `UnknownParameter` for the first name that is none of these, nor begins with one and a dot. */
export const refuseOthers = (parameters: Parameters, known: readonly string[]): void => {
  for (const name of parameters.keys()) {
    if (name === 'DryRun' || known.some((each) => name === each || name.startsWith(`${each}.`))) continue
    throw new Fault('UnknownParameter', `The parameter ${name.slice(0, 100)} is not recognized`)
  }
}

/** Throws `MissingParameter`. */
export const needed = (parameters: Parameters, name: string): string => {
  const value = parameters.get(name) ?? ''
  if (value === '') throw new Fault('MissingParameter', `The request must contain the parameter ${name}`)
  return value
}

export const refuseDryRun = (parameters: Parameters): void => {
  if (parameters.get('DryRun')?.toLowerCase() !== 'true') return
  throw new Fault('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.')
}

/** `*` stands for any text, `?` for one character, as in EC2's filters. Takes at most the product of both lengths. */
const matches = (pattern: string, text: string): boolean => {
  let [at, read, star, mark] = [0, 0, -1, 0]
  while (read < text.length) {
    if (pattern[at] === '*') {
      star = at
      mark = read
      at += 1
    } else if (pattern[at] === '?' || pattern[at] === text[read]) {
      at += 1
      read += 1
    } else if (star >= 0) {
      at = star + 1
      mark += 1
      read = mark
    } else return false
  }
  while (pattern[at] === '*') at += 1
  return at === pattern.length
}

/** What an item says for each filter that there is; more than one value where any of them may match. */
export type Filterable<T> = Readonly<Record<string, (item: T) => readonly string[]>>

/** Filters of everything that has tags: `tag:team`, `tag-key`, `tag-value`. */
const tagFilter = (name: string): ((tags: readonly Tag[]) => readonly string[]) | undefined => {
  if (name === 'tag-key') return (tags) => tags.map(({ key }) => key)
  if (name === 'tag-value') return (tags) => tags.map(({ value }) => value)
  if (!name.startsWith('tag:')) return undefined
  return (tags) => tags.flatMap(({ key, value }) => (key === name.slice('tag:'.length) ? [value] : []))
}

/**
 * Does an item meet every filter of the request? `tagsOf`: of things that can be tagged.
 * Throws `InvalidParameterValue` for a filter that is not among `filters`.
 */
export const filterOf = <T>(
  parameters: Parameters,
  filters: Filterable<T>,
  tagsOf?: (item: T) => readonly Tag[],
): ((item: T) => boolean) => {
  const wanted = structuresOf(parameters, 'Filter').map((filter) => {
    const name = filter.get('Name') ?? ''
    const ofTags = tagsOf === undefined ? undefined : tagFilter(name)
    const own = Object.hasOwn(filters, name) ? filters[name] : undefined
    const read = ofTags === undefined || tagsOf === undefined ? own : (item: T) => ofTags(tagsOf(item))
    if (read === undefined) {
      const known = [...Object.keys(filters), ...(tagsOf === undefined ? [] : ['tag:KEY', 'tag-key', 'tag-value'])].join(', ')
      throw new Fault('InvalidParameterValue', `The filter '${name.slice(0, 100)}' is invalid; Larder knows ${known}`)
    }
    return { read, values: listOf(filter, 'Value') }
  })
  return (item) => wanted.every(({ read, values }) => read(item).some((text) => values.some((pattern) => matches(pattern, text))))
}

const fewest = 5
const most = 1_000

/** One page of items, which are sorted by `keyOf`, and `<nextToken>` where there are more. */
export const pageOf = <T>(
  parameters: Parameters,
  all: readonly T[],
  keyOf: (item: T) => string,
): { readonly page: readonly T[]; readonly next: string } => {
  const size = parameters.get('MaxResults') ?? String(most)
  const limit = /^[0-9]{1,9}$/.test(size) ? Number(size) : 0
  if (limit < fewest || limit > most) {
    throw new Fault(
      'InvalidParameterValue',
      `Value ( ${size.slice(0, 40)} ) for parameter maxResults is invalid. Expecting a value from ${fewest} to ${most}.`,
    )
  }
  const token = parameters.get('NextToken') ?? ''
  const after = Buffer.from(token, 'base64url').toString('utf8')
  if (Buffer.from(after).toString('base64url') !== token)
    throw new Fault('InvalidNextToken', 'The token is not one that a request before gave.')
  const rest = all.filter((item) => token === '' || keyOf(item) > after)
  const page = rest.slice(0, limit)
  const last = page.at(-1)
  const more = rest.length > page.length && last !== undefined
  return { page, next: more ? element('nextToken', Buffer.from(keyOf(last)).toString('base64url')) : '' }
}
