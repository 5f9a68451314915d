import { subnetGroupKey } from '../../../../model/keys.ts'
import type { SubnetGroupRecord } from '../../../../model/records.ts'
import { listRecords } from '../../../../ports/records.ts'
import type { ActionContext } from '../../../action.ts'

/** The subnet groups that were created, by name. The group `default` is not among them: it is everywhere and stored nowhere. */
export const storedSubnetGroups = async ({
  store,
  region,
}: Pick<ActionContext, 'store' | 'region'>): Promise<readonly SubnetGroupRecord[]> =>
  (await listRecords<SubnetGroupRecord>(store, subnetGroupKey(region, ''))).records.map((record) => record.value)
