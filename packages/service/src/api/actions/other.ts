import { createCacheSecurityGroup } from './cache-security-groups/create.ts'
import { deleteCacheSecurityGroup } from './cache-security-groups/delete.ts'
import { describeCacheSecurityGroups } from './cache-security-groups/describe.ts'
import { authorizeCacheSecurityGroupIngress, revokeCacheSecurityGroupIngress } from './cache-security-groups/ingress.ts'
import { describeCacheEngineVersions } from './engine-versions/describe.ts'
import { describeEvents } from './events/describe.ts'
import { createCacheParameterGroup } from './parameter-groups/create.ts'
import { deleteCacheParameterGroup } from './parameter-groups/delete.ts'
import { describeCacheParameterGroups } from './parameter-groups/describe.ts'
import { describeCacheParameters, describeEngineDefaultParameters } from './parameter-groups/describe-parameters.ts'
import { modifyCacheParameterGroup } from './parameter-groups/modify.ts'
import { resetCacheParameterGroup } from './parameter-groups/reset.ts'
import { createCacheSubnetGroup } from './subnet-groups/create.ts'
import { deleteCacheSubnetGroup } from './subnet-groups/delete.ts'
import { describeCacheSubnetGroups } from './subnet-groups/describe.ts'
import { modifyCacheSubnetGroup } from './subnet-groups/modify.ts'
import { addTagsToResource } from './tags/add.ts'
import { listTagsForResource } from './tags/list.ts'
import { removeTagsFromResource } from './tags/remove.ts'
import { createUserGroup } from './user-groups/create.ts'
import { deleteUserGroup } from './user-groups/delete.ts'
import { describeUserGroups } from './user-groups/describe.ts'
import { modifyUserGroup } from './user-groups/modify.ts'
import { createUser } from './users/create.ts'
import { deleteUser } from './users/delete.ts'
import { describeUsers } from './users/describe.ts'
import { modifyUser } from './users/modify.ts'

/** The operations other than those on replication groups and cache clusters, by their names in the model of AWS. */
export const otherActions = {
  AddTagsToResource: addTagsToResource,
  AuthorizeCacheSecurityGroupIngress: authorizeCacheSecurityGroupIngress,
  CreateCacheParameterGroup: createCacheParameterGroup,
  CreateCacheSecurityGroup: createCacheSecurityGroup,
  CreateCacheSubnetGroup: createCacheSubnetGroup,
  CreateUser: createUser,
  CreateUserGroup: createUserGroup,
  DeleteCacheParameterGroup: deleteCacheParameterGroup,
  DeleteCacheSecurityGroup: deleteCacheSecurityGroup,
  DeleteCacheSubnetGroup: deleteCacheSubnetGroup,
  DeleteUser: deleteUser,
  DeleteUserGroup: deleteUserGroup,
  DescribeCacheEngineVersions: describeCacheEngineVersions,
  DescribeCacheParameterGroups: describeCacheParameterGroups,
  DescribeCacheParameters: describeCacheParameters,
  DescribeCacheSecurityGroups: describeCacheSecurityGroups,
  DescribeCacheSubnetGroups: describeCacheSubnetGroups,
  DescribeEngineDefaultParameters: describeEngineDefaultParameters,
  DescribeEvents: describeEvents,
  DescribeUserGroups: describeUserGroups,
  DescribeUsers: describeUsers,
  ListTagsForResource: listTagsForResource,
  ModifyCacheParameterGroup: modifyCacheParameterGroup,
  ModifyCacheSubnetGroup: modifyCacheSubnetGroup,
  ModifyUser: modifyUser,
  ModifyUserGroup: modifyUserGroup,
  RemoveTagsFromResource: removeTagsFromResource,
  ResetCacheParameterGroup: resetCacheParameterGroup,
  RevokeCacheSecurityGroupIngress: revokeCacheSecurityGroupIngress,
} as const
