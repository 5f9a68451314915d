import { Fault } from '../../../../errors.ts'
import type { GroupSpec } from '../../../../model/group.ts'
import { snapshotName } from '../../../../model/names.ts'

/** The snapshot that a deletion asks for. Throws `SnapshotFeatureNotSupportedFault` for Memcached, `InvalidParameterValueException`. */
export const finalSnapshot = (
  { FinalSnapshotIdentifier: name }: { readonly FinalSnapshotIdentifier?: string | undefined },
  spec: Pick<GroupSpec, 'engine'>,
): { readonly finalSnapshot?: string } => {
  if (name === undefined || name === '') return {}
  if (spec.engine === 'memcached')
    throw new Fault(
      'SnapshotFeatureNotSupportedFault',
      'Snapshots are not supported for Memcached: FinalSnapshotIdentifier cannot be given.',
    )
  return { finalSnapshot: snapshotName('FinalSnapshotIdentifier', name) }
}
