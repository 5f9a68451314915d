import type { EventRecord, EventSource } from './records.ts'

/**
 * What DescribeEvents tells, in the words of AWS.
 *
 * Texts without a mark are AWS's own: from the sample outputs of its command line and SDKs, from the message column of its page on
 * event notifications, or from the documentation of TestFailover. Texts marked (style) are written after them, where no sample
 * of AWS's text was found.
 */
export type Happening = Omit<EventRecord, 'date'>

const happening =
  (region: string, source: EventSource, sourceId: string) =>
  (message: string): Happening => ({ region, source, sourceId, message })

const list = (ids: readonly string[]): string => ids.join(', ')

/** Events of one cache cluster: a Memcached cluster, a single node, or a member of a replication group (`rg-0001-002`). */
export const clusterEvents = (region: string, clusterId: string) => {
  const event = happening(region, 'cache-cluster', clusterId)
  return {
    created: () => event('Cache cluster created'),
    /** Follows `created` once for each node, and stands alone when a node is added later. */
    nodeAdded: (cacheNodeId: string, zone: string) => event(`Added cache node ${cacheNodeId} in availability zone ${zone}`),
    /** Sent with a creation that names a parameter group, and when the group is exchanged. */
    usesParameterGroup: (name: string) => event(`Updated to use a CacheParameterGroup ${name}`),
    parameterUpdated: (name: string, value: string) => event(`Updated parameter ${name} to ${value}`),
    /** (style) The sample of AWS: `Failed to create the cache cluster due to incompatible network state`. */
    creationFailed: (reason: string) => event(`Failed to create the cache cluster due to ${reason}`),
    nodesIncreasing: () => event('Increasing number of requested nodes'),
    /** (style) */
    nodesDecreasing: () => event('Decreasing number of requested nodes'),
    nodeCountModified: (from: number, to: number) => event(`Finished modifying number of nodes from ${from} to ${to}`),
    nodeCountFailed: (from: number, to: number, reason: string) =>
      event(`Failed to modify number of nodes from ${from} to ${to} due to ${reason}`),
    nodesRemoved: (cacheNodeIds: readonly string[]) => event(`Removed cache nodes ${list(cacheNodeIds)}`),
    /** Memcached alone sends this before `nodeRestarted`. */
    nodeShutDown: (cacheNodeId: string) => event(`Cache node ${cacheNodeId} shutdown`),
    nodeRestarted: (cacheNodeId: string) => event(`Cache node ${cacheNodeId} restarted`),
    /** Of Larder's own: on AWS nobody sees it. */
    keptOut: (cacheNodeId: string, seconds: number) =>
      event(
        `Cache node ${cacheNodeId} runs and has answered nothing for ${seconds} seconds: its clients have paused it or taken every place`,
      ),
    recovering: (cacheNodeIds: readonly string[]) => event(`Recovering cache nodes ${list(cacheNodeIds)}`),
    recovered: (cacheNodeIds: readonly string[]) => event(`Finished recovery for cache nodes ${list(cacheNodeIds)}`),
    /** (style) Files of a node do not load. */
    damaged: (cacheNodeId: string, files: readonly string[]) => event(`Cache node ${cacheNodeId} could not load ${list(files)}`),
    /** Of Larder's own: what a full disk left in it is closed, and nothing of its content is lost. */
    mended: (cacheNodeId: string) =>
      event(`Repaired the append-only file of cache node ${cacheNodeId}, which a full disk had left with holes`),
    /** (style) They are kept, and the node copies what they held from its primary. */
    setAside: (cacheNodeId: string, files: readonly string[], place: string) =>
      event(`Moved ${list(files)} of cache node ${cacheNodeId} to ${place}`),
    failoverCompleted: (from: string, to: string) => event(`Failover from primary node ${from} to replica node ${to} completed`),
    nodeTypeModified: (nodeType: string) => event(`Succeeded applying modification to cache node type to ${nodeType}.`),
    nodeTypeFailed: (nodeType: string) => event(`Failed applying modification to cache node type to ${nodeType}.`),
    /** Of Larder's own: on AWS it has one. */
    withoutEffect: (what: string) => event(what),
    securityGroupsModified: () => event('Applied change to security group'),
    /** Of Larder's own: AWS has the version itself. */
    servedBy: (wanted: string, served: string) =>
      event(`${wanted} is served by ${served}, the nearest engine that is installed here`),
    /** Of Larder's own: AWS replaces such an engine by itself. */
    engineRetired: (what: string) => event(what),
    /** (style) The engine was exchanged for another version of it. */
    patched: () => event('Cache cluster patched'),
    /** (style) `what`: which, and when; AWS renews its own. */
    certificateEnds: (what: string) => event(what),
    deleted: () => event('Cache cluster deleted'),
  }
}

export const replicationGroupEvents = (region: string, groupId: string) => {
  const event = happening(region, 'replication-group', groupId)
  return {
    created: () => event(`Replication group ${groupId} created`),
    /** (style) */
    creationFailed: (reason: string) => event(`Failed to create replication group ${groupId} due to ${reason}`),
    automaticFailoverOn: () => event(`Automatic failover has been turned on for replication group ${groupId}`),
    /** (style) */
    automaticFailoverOff: () => event(`Automatic failover has been turned off for replication group ${groupId}`),
    testFailover: (shardId: string) => event(`Test Failover API called for node group ${shardId}`),
    failoverCompleted: (from: string, to: string) => event(`Failover from primary node ${from} to replica node ${to} completed`),
    nodeTypeModified: (nodeType: string) => event(`Succeeded applying modification to cache node type to ${nodeType}.`),
    nodeTypeFailed: (nodeType: string) => event(`Failed applying modification to cache node type to ${nodeType}.`),
    /** (style) `what`: which, and when; AWS renews its own. */
    certificateEnds: (what: string) => event(what),
    /** Of Larder's own: AWS has the version itself. */
    servedBy: (wanted: string, served: string) =>
      event(`${wanted} is served by ${served}, the nearest engine that is installed here`),
    /** Of Larder's own: AWS replaces such an engine by itself. */
    engineRetired: (what: string) => event(what),
    /** Of Larder's own: on AWS it has one. */
    withoutEffect: (what: string) => event(what),
    /** (style) */
    deleted: () => event(`Replication group ${groupId} deleted`),
  }
}

export const parameterGroupEvents = (region: string, name: string) => {
  const event = happening(region, 'cache-parameter-group', name)
  return {
    /** (style) */
    created: () => event('Cache parameter group created'),
    parameterUpdated: (parameter: string, value: string) => event(`Updated parameter ${parameter} to ${value}`),
    /** Of Larder's own: on AWS it has one. */
    withoutEffect: (parameter: string, module: string) =>
      event(`Parameter ${parameter} has no effect: it is of the module ${module}, whose settings Larder does not pass on`),
    /** (style) */
    parameterReset: (parameter: string) => event(`Reset parameter ${parameter} to its default value`),
    /** (style) */
    deleted: () => event('Cache parameter group deleted'),
  }
}

export const subnetGroupEvents = (region: string, name: string) => {
  const event = happening(region, 'cache-subnet-group', name)
  return {
    /** (style) */
    created: () => event('Cache subnet group created'),
    /** (style) */
    modified: () => event('Cache subnet group modified'),
    /** (style) */
    deleted: () => event('Cache subnet group deleted'),
  }
}
