/** From the text of a policy to its statements. What could not be enforced is refused, so that no statement stands there without effect. */
import { Fault } from '../../errors.ts'
import { parseJson } from '../../model/json.ts'
import { type Condition, readOperator } from './conditions.ts'

export interface Statement {
  readonly effect: 'Allow' | 'Deny'
  /** `not`: NotAction, NotResource. Actions are in lower case. */
  readonly actions: { readonly not: boolean; readonly patterns: readonly string[] }
  readonly resources: { readonly not: boolean; readonly patterns: readonly string[] }
  readonly conditions: readonly Condition[]
}

export interface Policy {
  /** Does `${…}` stand for a variable? Since version 2012-10-17 it does. */
  readonly hasVariables: boolean
  readonly statements: readonly Statement[]
}

const malformed = (message: string, cause?: unknown): Fault => new Fault('MalformedPolicyDocument', message, { cause })
const syntax = (cause?: unknown): Fault => malformed('Syntax errors in policy.', cause)

type Json = Readonly<Record<string, unknown>>
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

const onlyMembers = (value: Json, names: readonly string[]): void => {
  if (Object.keys(value).some((name) => !names.includes(name))) throw syntax()
}

/** One text or a list of them. */
const texts = (value: unknown): readonly string[] => {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  return list.map((each) => {
    if (typeof each === 'string') return each
    throw syntax()
  })
}

/** Values of conditions may be numbers and booleans too. */
const scalars = (value: unknown): readonly string[] => {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  return list.map((each) => {
    if (typeof each === 'string' || typeof each === 'number' || typeof each === 'boolean') return String(each)
    throw syntax()
  })
}

/** What Larder tells of a request, and what is never there because Larder has no such thing (sessions, organizations, other services). */
const known: ReadonlySet<string> = new Set(
  [
    ...['CurrentTime', 'EpochTime', 'PrincipalAccount', 'PrincipalArn', 'PrincipalType', 'RequestedRegion', 'ResourceAccount'],
    ...['SecureTransport', 'SourceIp', 'TagKeys', 'UserAgent', 'userid', 'username', 'PrincipalIsAWSService', 'ViaAWSService'],
    ...['CalledVia', 'FederatedProvider', 'MultiFactorAuthAge', 'MultiFactorAuthPresent', 'PrincipalOrgID', 'PrincipalOrgPaths'],
    ...['PrincipalServiceName', 'Referer', 'SourceAccount', 'SourceArn', 'SourceIdentity', 'SourceVpc', 'SourceVpce'],
    ...['TokenIssueTime', 'VpcSourceIp'],
  ].map((name) => `aws:${name.toLowerCase()}`),
)
const knownPrefixes = ['aws:principaltag/', 'aws:requesttag/', 'aws:resourcetag/']
/** Services whose calls come here. Keys of others are accepted: policies are often written for several services. */
const ours = /^(aws|elasticache|iam|sts|ec2|larder):/

const checkKey = (key: string): void => {
  if (!/^[a-z0-9-]+:./.test(key)) throw malformed('Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.')
  if (!ours.test(key) || known.has(key) || knownPrefixes.some((prefix) => key.startsWith(prefix) && key.length > prefix.length))
    return
  throw malformed(`Larder does not have the condition key ${key.slice(0, 100)}: a statement with it could not be enforced.`)
}

const conditionsOf = (value: unknown): readonly Condition[] => {
  if (value === undefined) return []
  if (!isObject(value)) throw syntax()
  return Object.entries(value).flatMap(([name, keys]) => {
    const read = readOperator(name)
    if (read === null || !isObject(keys)) throw syntax()
    return Object.entries(keys).map(([given, found]) => {
      const key = given.toLowerCase()
      checkKey(key)
      const values = scalars(found)
      const wrong = values.find((each) => !each.includes('${') && !read.operator.isValid(each))
      if (values.length === 0 || wrong !== undefined)
        throw malformed(`Expected values that ${name.slice(0, 60)} can compare, found ${wrong?.slice(0, 100) ?? 'none'}.`)
      return { ...read, key, values }
    })
  })
}

const actionsOf = (statement: Json): Statement['actions'] => {
  const not = Object.hasOwn(statement, 'NotAction')
  if (not === Object.hasOwn(statement, 'Action')) throw malformed('Policy statement must contain actions.')
  const patterns = texts(statement[not ? 'NotAction' : 'Action']).map((action) => action.toLowerCase())
  if (patterns.length === 0) throw malformed('Policy statement must contain actions.')
  for (const action of patterns) {
    if (action !== '*' && !/^[a-z0-9-]+:[a-z0-9*?]+$/.test(action))
      throw malformed('Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.')
  }
  return { not, patterns }
}

const resourcesOf = (statement: Json): Statement['resources'] => {
  const not = Object.hasOwn(statement, 'NotResource')
  if (not === Object.hasOwn(statement, 'Resource')) throw malformed('Policy statement must contain resources.')
  const patterns = texts(statement[not ? 'NotResource' : 'Resource'])
  if (patterns.length === 0) throw malformed('Policy statement must contain resources.')
  for (const resource of patterns) {
    if (!/^(\*+$|arn:)/.test(resource)) throw malformed(`Resource ${resource.slice(0, 200)} must be in ARN format or "*".`)
    if (/^arn:(?!aws:|\*:|aws$|\*$)/.test(resource))
      throw malformed(
        `Partition "${resource.split(':')[1]?.slice(0, 60)}" is not valid for resource "${resource.slice(0, 200)}".`,
      )
  }
  return { not, patterns }
}

const members = ['Sid', 'Effect', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition']

const statementOf = (value: unknown): Statement => {
  if (!isObject(value)) throw syntax()
  if (Object.hasOwn(value, 'Principal') || Object.hasOwn(value, 'NotPrincipal'))
    throw malformed('Policy document should not specify a principal.')
  onlyMembers(value, members)
  const { Effect: effect, Condition: condition } = value
  if (effect !== 'Allow' && effect !== 'Deny') throw syntax()
  return { effect, actions: actionsOf(value), resources: resourcesOf(value), conditions: conditionsOf(condition) }
}

const sidsOf = (statements: readonly unknown[]): readonly string[] =>
  statements.flatMap((statement) => {
    if (!isObject(statement) || statement['Sid'] === undefined) return []
    const { Sid: sid } = statement
    if (typeof sid === 'string' && /^[A-Za-z0-9]*$/.test(sid)) return [sid]
    throw malformed('Statement IDs (SID) must be alpha-numeric.')
  })

/** Throws `MalformedPolicyDocument`. */
export const readPolicy = (text: string): Policy => {
  let document: unknown
  try {
    document = parseJson(text)
  } catch (error) {
    throw syntax(error)
  }
  if (!isObject(document)) throw syntax()
  onlyMembers(document, ['Version', 'Id', 'Statement'])
  const { Version: version, Statement: statement, Id: id } = document
  if (version !== undefined && version !== '2012-10-17' && version !== '2008-10-17') throw syntax()
  if (id !== undefined && typeof id !== 'string') throw syntax()
  const list: readonly unknown[] = Array.isArray(statement) ? statement : [statement]
  if (list.length === 0) throw syntax()
  const sids = sidsOf(list)
  if (new Set(sids).size < sids.length) throw malformed('Statement IDs (SID) in a single policy must be unique.')
  return { hasVariables: version === '2012-10-17', statements: list.map(statementOf) }
}
