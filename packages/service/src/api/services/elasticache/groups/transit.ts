/** Encryption in transit in requests. Source: "Enabling in-transit encryption on an existing cluster" in the guide of ElastiCache. */
import { invalidCombination } from '../../../../errors.ts'
import type { GroupSpec } from '../../../../model/group.ts'
import type { TransitMode } from '../../../../model/transit.ts'
import { oneOf } from './values.ts'

interface Wish {
  readonly TransitEncryptionEnabled?: boolean | undefined
  readonly TransitEncryptionMode?: string | undefined
  readonly AuthToken?: string | undefined
  readonly UserGroupIds?: readonly string[] | undefined
  readonly UserGroupIdsToAdd?: readonly string[] | undefined
  readonly ApplyImmediately?: boolean | undefined
}

type Transit = Pick<GroupSpec, 'transitEncryption'>

const modeIn = (input: Wish): TransitMode | undefined =>
  oneOf('TransitEncryptionMode', input.TransitEncryptionMode, ['preferred', 'required'] as const)

/** Secrets that also come in without encryption are none. */
const refuseSecrets = (mode: TransitMode, hasSecrets: boolean): void => {
  if (mode === 'preferred' && hasSecrets) {
    throw invalidCombination(
      'TransitEncryptionMode preferred cannot be combined with an AuthToken or with user groups: they need TransitEncryptionMode required.',
    )
  }
}

const givesSecrets = (input: Wish): boolean =>
  input.AuthToken !== undefined || [...(input.UserGroupIds ?? []), ...(input.UserGroupIdsToAdd ?? [])].length > 0

/** What a new replication group is to have. */
export const newTransit = (input: Wish): Transit => {
  const mode = modeIn(input)
  if (input.TransitEncryptionEnabled !== true) {
    if (mode === undefined) return {}
    throw invalidCombination('TransitEncryptionMode can be given only together with TransitEncryptionEnabled.')
  }
  refuseSecrets(mode ?? 'required', givesSecrets(input))
  return { transitEncryption: mode ?? 'required' }
}

/**
 * From no encryption to `preferred`, from there to `required` or back, one step at a time, so that clients can be moved in between.
 * Throws `InvalidParameterCombinationException` for every other way.
 */
export const changedTransit = (spec: GroupSpec, input: Wish, hasUsers: boolean): Transit => {
  const { transitEncryption: present } = spec
  const kept: Transit = present === undefined ? {} : { transitEncryption: present }
  const mode = modeIn(input)
  const { TransitEncryptionEnabled: enabled } = input
  if (enabled === undefined && mode === undefined) {
    if (present !== undefined) refuseSecrets(present, givesSecrets(input))
    return kept
  }
  if (enabled === false && mode !== undefined)
    throw invalidCombination('TransitEncryptionMode can be given only together with TransitEncryptionEnabled.')
  const wanted = enabled === false ? undefined : (mode ?? present ?? 'required')
  if (wanted === present) return kept
  if (present === undefined && enabled !== true)
    throw invalidCombination('TransitEncryptionMode can be given only together with TransitEncryptionEnabled.')
  if (present === undefined && wanted !== 'preferred') {
    throw invalidCombination(
      'To enable encryption in transit on an existing replication group, set TransitEncryptionMode to preferred first; when all clients use TLS, set it to required.',
    )
  }
  if (present === 'required' && wanted === undefined) {
    throw invalidCombination(
      'To disable encryption in transit, set TransitEncryptionMode to preferred first; then TransitEncryptionEnabled to false.',
    )
  }
  if (input.ApplyImmediately !== true)
    throw invalidCombination('Encryption in transit can be changed only with ApplyImmediately.')
  if (wanted === undefined) return {}
  refuseSecrets(wanted, hasUsers || spec.auth !== undefined || givesSecrets(input))
  return { transitEncryption: wanted }
}
