import type { Action } from '../../action.ts'
import { cacheClustersActions } from './cache-clusters/index.ts'
import { cacheSecurityGroupsActions } from './cache-security-groups/index.ts'
import { emptyActions } from './empty/index.ts'
import { engineVersionsActions } from './engine-versions/index.ts'
import { eventsActions } from './events/index.ts'
import { listAllowedNodeTypeModifications } from './node-type-modifications.ts'
import { parameterGroupsActions } from './parameter-groups/index.ts'
import { replicationGroupsActions } from './replication-groups/index.ts'
import { subnetGroupsActions } from './subnet-groups/index.ts'
import { tagsActions } from './tags/index.ts'
import { userGroupsActions } from './user-groups/index.ts'
import { usersActions } from './users/index.ts'

/** Every operation that Larder answers, by its name in the model of AWS. Some of them can only say that there is nothing. */
export const actions = {
  ...cacheClustersActions,
  ...cacheSecurityGroupsActions,
  ...engineVersionsActions,
  ...eventsActions,
  ...parameterGroupsActions,
  ...replicationGroupsActions,
  ...subnetGroupsActions,
  ...tagsActions,
  ...userGroupsActions,
  ...usersActions,
  ...emptyActions,
  ListAllowedNodeTypeModifications: listAllowedNodeTypeModifications,
} as const satisfies Readonly<Record<string, Action<never, object>>>
