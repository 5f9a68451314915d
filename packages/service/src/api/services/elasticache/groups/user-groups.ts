/** The user group of a replication group in requests: at most one, as on AWS, and only where everything is encrypted. */
import { invalidCombination, invalidValue } from '../../../../errors.ts'
import { awsTexts } from '../../../../model/aws-texts.ts'
import type { GroupSpec } from '../../../../model/group.ts'
import type { Condition, Operation } from '../../../../ports/store.ts'
import type { ActionContext } from '../../../action.ts'
import { idsOf, userGroupFor } from '../users/find.ts'

export interface UserGroupChange {
  readonly userGroup?: GroupSpec['userGroup']
  readonly conditions: readonly Condition[]
  readonly operations: readonly Operation[]
}

const nothing: UserGroupChange = { conditions: [], operations: [] }

const one = (ids: readonly string[]): string | undefined => {
  if (ids.length > 1) throw invalidValue(`A replication group can have one user group; ${ids.length} were requested.`)
  return ids[0]
}

type Spec = Pick<GroupSpec, 'engine' | 'engineVersion' | 'transitEncryption' | 'auth'>

const attached = async (context: ActionContext, id: string, spec: Spec): Promise<UserGroupChange> => {
  if (spec.transitEncryption !== 'required')
    throw invalidCombination('User groups can be given only for a replication group with TransitEncryptionMode required.')
  if (spec.auth !== undefined) throw awsTexts.userGroupWithToken()
  return userGroupFor(context, id, spec)
}

export const newUserGroup = async (
  context: ActionContext,
  ids: readonly string[] | undefined,
  spec: Spec,
): Promise<UserGroupChange> => {
  const id = one(idsOf(ids))
  return id === undefined ? nothing : attached(context, id, spec)
}

interface Wish {
  readonly UserGroupIdsToAdd?: readonly string[] | undefined
  readonly UserGroupIdsToRemove?: readonly string[] | undefined
  readonly RemoveUserGroups?: boolean | undefined
}

export const leavesUserGroup = (spec: Pick<GroupSpec, 'userGroup'>, input: Wish): boolean =>
  spec.userGroup !== undefined &&
  (input.RemoveUserGroups === true || idsOf(input.UserGroupIdsToRemove).includes(spec.userGroup.id))

/** `spec` is as it will be otherwise, with the tokens that it will have. */
export const changedUserGroup = async (
  context: ActionContext,
  before: Pick<GroupSpec, 'userGroup'>,
  spec: Spec,
  input: Wish,
): Promise<UserGroupChange> => {
  const { userGroup: present } = before
  const unknown = idsOf(input.UserGroupIdsToRemove).find((id) => id !== present?.id)
  if (unknown !== undefined) throw invalidValue(`The user group ${unknown} is not one of the replication group.`)
  const added = one(idsOf(input.UserGroupIdsToAdd))
  const stays = present !== undefined && !leavesUserGroup(before, input)
  if (added === undefined) return stays ? { ...nothing, userGroup: present } : nothing
  if (stays && added !== present.id) {
    throw invalidCombination(
      `A replication group can have one user group: remove ${present.id} with UserGroupIdsToRemove in the same request.`,
    )
  }
  return attached(context, added, spec)
}
