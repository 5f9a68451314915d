/** Encryption at rest of a new replication group, and its data tiering: what belongs to how nodes store. */
import { Fault, invalidCombination } from '../../../../errors.ts'
import { compareVersions } from '../../../../model/engine-versions.ts'
import type { EngineName, GroupLabels } from '../../../../model/group.ts'
import { isTiered, type NodeType } from '../../../../model/node-types.ts'
import type { ActionContext } from '../../../action.ts'
import { homeVolume, isRefusing } from './without-effect.ts'

interface Wish {
  readonly AtRestEncryptionEnabled?: boolean | undefined
  readonly KmsKeyId?: string | undefined
  readonly DataTieringEnabled?: boolean | undefined
}

interface Engine {
  readonly engine: EngineName
  readonly version: string
}

/** Id, ARN or alias. */
const keyPattern = /^[A-Za-z0-9:/_-]{1,2048}$/

/**
 * AWS's default with Valkey is on. Where a home refuses what has no effect, what nobody asked for must not be refused: it is off there,
 * unless its volume makes it true.
 */
const isUsual = (context: ActionContext, engine: EngineName): boolean =>
  engine === 'valkey' && (!isRefusing(context) || homeVolume(context).encrypted === true)

/** Throws `InvalidParameterCombinationException`, `InvalidKMSKeyFault`. */
export const newAtRest = (
  context: ActionContext,
  input: Wish,
  { engine }: Pick<Engine, 'engine'>,
): Pick<GroupLabels, 'atRestEncryption'> => {
  const key = input.KmsKeyId || null
  if (key !== null && input.AtRestEncryptionEnabled === false)
    throw invalidCombination('KmsKeyId can be given only together with AtRestEncryptionEnabled.')
  if (key !== null && !keyPattern.test(key))
    throw new Fault('InvalidKMSKeyFault', `KmsKeyId: expected the id, the ARN or an alias of a key, found ${key.slice(0, 200)}`)
  const isOn = input.AtRestEncryptionEnabled ?? (isUsual(context, engine) || key !== null)
  if (key !== null && input.AtRestEncryptionEnabled === undefined && engine !== 'valkey')
    throw invalidCombination('KmsKeyId can be given only together with AtRestEncryptionEnabled.')
  return isOn ? { atRestEncryption: { kmsKeyId: key } } : {}
}

/** As on AWS for nodes of the family r6gd, and for all of them. Throws `InvalidParameterCombinationException`. */
export const newDataTiering = (
  input: Wish,
  type: Pick<NodeType, 'name' | 'family'>,
  { engine, version }: Engine,
): Pick<GroupLabels, 'dataTiering'> => {
  if (input.DataTieringEnabled === true && !isTiered(type))
    throw invalidCombination(`Data tiering is supported only for node types of the family r6gd, found ${type.name}.`)
  if (!isTiered(type)) return {}
  if (input.DataTieringEnabled !== true)
    throw invalidCombination(`DataTieringEnabled must be true for ${type.name}: nodes of the family r6gd tier their data.`)
  if (engine === 'redis' && compareVersions(version, '6.2') < 0)
    throw invalidCombination(`Data tiering needs Redis OSS 6.2 or later, found ${version}.`)
  return { dataTiering: true }
}
