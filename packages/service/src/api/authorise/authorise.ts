/** Whether a caller whose signature is right may make this call, on everything that the call is about. */
import { checkPermission, contextOf } from '../../security/iam/permission.ts'
import type { Caller } from '../../security/sigv4.ts'
import type { ActionContext } from '../action.ts'
import type { Prepared } from '../service.ts'
import { tagsOfResource } from './resource-tags.ts'

/** What is known of a call, for the audit log: it grows while the call is looked at. */
export interface Trail {
  action: string | null
  resources: readonly string[]
  decision: 'allowed' | 'denied' | 'unauthenticated' | 'undecided'
}

export interface Call {
  readonly caller: Caller
  /** `elasticache:DeleteUser`, as policies have it. */
  readonly action: string
  readonly about: Prepared['about']
  /** As the socket has it; null: not known. */
  readonly sourceAddress: string | null
  readonly userAgent: string | null
}

/** Throws `AccessDenied` for the first resource on which the call is not allowed, and the faults of an input that cannot be read. */
export const authorise = async (
  { caller, action, about, sourceAddress, userAgent }: Call,
  context: Pick<ActionContext, 'store' | 'account' | 'clock'>,
  trail: Trail,
): Promise<void> => {
  trail.action = action
  trail.decision = 'undecided'
  const { resources, tags, tagKeys, taggedBy, isFree = false } = await about()
  trail.resources = resources
  if (caller.user !== undefined && !isFree) {
    const tagging = tags.length > 0 ? taggedBy : []
    for (const resource of resources) {
      const known = contextOf({
        caller,
        sourceAddress,
        userAgent,
        isSecure: false,
        requestTags: tags,
        tagKeys,
        resourceTags: await tagsOfResource(context, resource),
        now: context.clock.now(),
      })
      const checked = [action, ...(resource === resources[0] ? tagging : [])]
      trail.decision = 'denied'
      for (const each of checked) checkPermission(caller, each, resource, known)
      trail.decision = 'undecided'
    }
  }
  trail.decision = 'allowed'
}
