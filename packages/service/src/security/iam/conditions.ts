/** The operators of conditions, as "IAM JSON policy elements: Condition operators" has them. */
import { BlockList, isIP, isIPv6 } from 'node:net'
import { literalOf, matches, matchesArn, type Pattern, type RequestContext, readPattern } from './pattern.ts'

export interface Condition {
  readonly operator: Operator
  /** `ForAllValues:` and `ForAnyValue:` */
  readonly set: 'all' | 'any' | null
  readonly ifExists: boolean
  /** In lower case. */
  readonly key: string
  readonly values: readonly string[]
}

interface Operator {
  readonly negated: boolean
  /** Of a value in a policy. */
  readonly isValid: (value: string) => boolean
  /** Not there: the operator asks only whether the key is there. */
  readonly test?: (found: string, wanted: Pattern) => boolean
}

const anything = (): boolean => true
const isBoolean = (value: string): boolean => /^(true|false)$/i.test(value)
const isNumber = (value: string): boolean => /^-?\d+(\.\d+)?$/.test(value)

/** A date in a form of ISO 8601, or seconds since 1970. */
const timeOf = (text: string): number => {
  if (isNumber(text)) return Number(text) * 1000
  return /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/.test(text)
    ? Date.parse(/[Tt].*(Z|[+-]\d\d:?\d\d)$/.test(text) || !text.includes('T') ? text : `${text}Z`)
    : Number.NaN
}
const isTime = (value: string): boolean => !Number.isNaN(timeOf(value))

const isRange = (value: string): boolean => {
  const [address = '', prefix, ...rest] = value.split('/')
  const most = isIPv6(address) ? 128 : 32
  return (
    isIP(address) !== 0 && rest.length === 0 && (prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= most))
  )
}

const isInRange = (found: string, range: string): boolean => {
  const [address = '', prefix] = range.split('/')
  if (!isRange(range) || isIP(found) !== isIP(address)) return false
  const family = isIPv6(address) ? 'ipv6' : 'ipv4'
  const list = new BlockList()
  list.addSubnet(address, prefix === undefined ? (family === 'ipv6' ? 128 : 32) : Number(prefix), family)
  return list.check(found, isIPv6(found) ? 'ipv6' : 'ipv4')
}

const lower = (text: string): string => text.toLowerCase()
const isEqual = (found: string, wanted: Pattern): boolean => found === literalOf(wanted)
const numbers =
  (compare: (a: number, b: number) => boolean) =>
  (found: string, wanted: Pattern): boolean =>
    isNumber(found) && isNumber(literalOf(wanted)) && compare(Number(found), Number(literalOf(wanted)))
const times =
  (compare: (a: number, b: number) => boolean) =>
  (found: string, wanted: Pattern): boolean =>
    isTime(found) && isTime(literalOf(wanted)) && compare(timeOf(found), timeOf(literalOf(wanted)))

const operator = (isValid: Operator['isValid'], test: NonNullable<Operator['test']>, negated = false): Operator => ({
  negated,
  isValid,
  test,
})
const both = (name: string, negatedName: string, isValid: Operator['isValid'], test: NonNullable<Operator['test']>) =>
  [
    [name, operator(isValid, test)],
    [negatedName, operator(isValid, test, true)],
  ] as const

const operators: ReadonlyMap<string, Operator> = new Map(
  [
    ...both('StringEquals', 'StringNotEquals', anything, isEqual),
    ...both(
      'StringEqualsIgnoreCase',
      'StringNotEqualsIgnoreCase',
      anything,
      (found, wanted) => lower(found) === lower(literalOf(wanted)),
    ),
    ...both('StringLike', 'StringNotLike', anything, (found, wanted) => matches(wanted, found)),
    ...both(
      'NumericEquals',
      'NumericNotEquals',
      isNumber,
      numbers((a, b) => a === b),
    ),
    [
      'NumericLessThan',
      operator(
        isNumber,
        numbers((a, b) => a < b),
      ),
    ] as const,
    [
      'NumericLessThanEquals',
      operator(
        isNumber,
        numbers((a, b) => a <= b),
      ),
    ] as const,
    [
      'NumericGreaterThan',
      operator(
        isNumber,
        numbers((a, b) => a > b),
      ),
    ] as const,
    [
      'NumericGreaterThanEquals',
      operator(
        isNumber,
        numbers((a, b) => a >= b),
      ),
    ] as const,
    ...both(
      'DateEquals',
      'DateNotEquals',
      isTime,
      times((a, b) => a === b),
    ),
    [
      'DateLessThan',
      operator(
        isTime,
        times((a, b) => a < b),
      ),
    ] as const,
    [
      'DateLessThanEquals',
      operator(
        isTime,
        times((a, b) => a <= b),
      ),
    ] as const,
    [
      'DateGreaterThan',
      operator(
        isTime,
        times((a, b) => a > b),
      ),
    ] as const,
    [
      'DateGreaterThanEquals',
      operator(
        isTime,
        times((a, b) => a >= b),
      ),
    ] as const,
    ['Bool', operator(isBoolean, (found, wanted) => lower(found) === lower(literalOf(wanted)))] as const,
    ['BinaryEquals', operator(anything, isEqual)] as const,
    ...both('IpAddress', 'NotIpAddress', isRange, (found, wanted) => isInRange(found, literalOf(wanted))),
    ...both('ArnEquals', 'ArnNotEquals', anything, (found, wanted) => matchesArn(wanted, found)),
    ...both('ArnLike', 'ArnNotLike', anything, (found, wanted) => matchesArn(wanted, found)),
    ['Null', { negated: false, isValid: isBoolean }] as const,
  ].map(([name, each]) => [lower(name), each] as const),
)

/** Null: there is no such operator. */
export const readOperator = (text: string): Pick<Condition, 'operator' | 'set' | 'ifExists'> | null => {
  const [, quantifier, name = '', ifExists] = /^(?:(ForAllValues|ForAnyValue):)?([A-Za-z]+?)(IfExists)?$/i.exec(text) ?? []
  const found = operators.get(lower(name))
  if (found === undefined || (found.test === undefined && (ifExists !== undefined || quantifier !== undefined))) return null
  const set = quantifier === undefined ? null : lower(quantifier) === 'forallvalues' ? 'all' : 'any'
  return { operator: found, set, ifExists: ifExists !== undefined }
}

/** `variables` is null where the policy has none; a value whose variable stands for nothing equals nothing. */
export const holds = (condition: Condition, context: RequestContext, variables: RequestContext | null): boolean => {
  const { operator: asked, set, ifExists, key, values } = condition
  const found = context.get(key) ?? []
  const { test, negated } = asked
  if (test === undefined) return values.some((value) => (lower(value) === 'true') === (found.length === 0))
  const wanted = values.map((value) => readPattern(value, variables)).filter((pattern) => pattern !== null)
  const isRight = (value: string): boolean => wanted.some((pattern) => test(value, pattern)) !== negated
  if (set === 'all') return found.every(isRight)
  if (set === 'any') return found.length === 0 ? ifExists : found.some(isRight)
  if (found.length === 0) return ifExists || negated
  return negated ? found.every(isRight) : found.some(isRight)
}
