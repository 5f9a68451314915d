/** May a caller do this? An explicit deny decides, then an allow; without either the answer is no. */
import { holds } from './conditions.ts'
import { matches, matchesArn, type RequestContext, readPattern } from './pattern.ts'
import type { Policy, Statement } from './policy.ts'

export interface AccessRequest {
  /** `elasticache:CreateReplicationGroup` */
  readonly action: string
  /** An ARN, or `*`. */
  readonly resource: string
  readonly context: RequestContext
}

export type Decision = 'allow' | 'explicit-deny' | 'implicit-deny'

const applies = (statement: Statement, request: AccessRequest, variables: RequestContext | null): boolean => {
  const { effect, actions, resources, conditions } = statement
  const isOfAction = actions.patterns.some((action) => matches(readPattern(action, null) ?? [], request.action.toLowerCase()))
  if (isOfAction === actions.not) return false
  const isOfResource = resources.patterns.some((text) => {
    const pattern = readPattern(text, variables)
    // What a variable without a value would exempt is not known: nothing is allowed by it, and nothing escapes a deny.
    return pattern === null ? resources.not && effect === 'Allow' : matchesArn(pattern, request.resource)
  })
  return isOfResource !== resources.not && conditions.every((condition) => holds(condition, request.context, variables))
}

export const evaluate = (policies: readonly Policy[], request: AccessRequest): Decision => {
  const effects = policies.flatMap(({ hasVariables, statements }) =>
    statements
      .filter((statement) => applies(statement, request, hasVariables ? request.context : null))
      .map(({ effect }) => effect),
  )
  if (effects.includes('Deny')) return 'explicit-deny'
  return effects.includes('Allow') ? 'allow' : 'implicit-deny'
}
