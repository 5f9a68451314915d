/** The settings of a group that are stored and shown, and that no controller acts upon. Security groups are in `security-groups.ts`. */
import { invalidCombination, invalidValue } from '../../../../errors.ts'
import type { GroupKind, GroupLabels, ShardSpec } from '../../../../model/group.ts'
import {
  checkWindowsApart,
  maintenanceWindow,
  pickMaintenanceWindow,
  pickSnapshotWindow,
  snapshotWindow,
  windowsOverlap,
} from '../../../../model/windows.ts'
import { oneOf, wholeNumber } from './values.ts'

/** The members of requests that are about them. An empty text is no value, except where it is said. */
export interface LabelInput {
  readonly PreferredMaintenanceWindow?: string | undefined
  readonly SnapshotWindow?: string | undefined
  readonly SnapshotRetentionLimit?: number | undefined
  /** In a modification the empty text takes the topic away. */
  readonly NotificationTopicArn?: string | undefined
  readonly NotificationTopicStatus?: string | undefined
  readonly AutoMinorVersionUpgrade?: boolean | undefined
}

const retention = (value: number | undefined): number | undefined => wholeNumber('SnapshotRetentionLimit', value, 0, 35)

const topicPattern = /^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_.-]{1,256}$/

const topicArn = (value: string): string => {
  if (!topicPattern.test(value))
    throw invalidValue(`NotificationTopicArn: expected the ARN of an SNS topic, found ${value.slice(0, 200)}`)
  return value
}

const refuseForMemcached = (input: LabelInput, memcached: boolean): void => {
  if (!memcached) return
  if (input.SnapshotWindow) throw invalidCombination('SnapshotWindow cannot be given for Memcached, which takes no snapshots.')
  if ((input.SnapshotRetentionLimit ?? 0) > 0) {
    throw invalidCombination('SnapshotRetentionLimit cannot be given for Memcached, which takes no snapshots.')
  }
}

const askedMinorUpgrades = (input: LabelInput): Pick<GroupLabels, 'minorUpgradesAsked'> =>
  input.AutoMinorVersionUpgrade === true ? { minorUpgradesAsked: true } : {}

/** The labels of a new group. `seed` decides the windows that the request leaves open: spread over the week, and the same each time. */
export const newLabels = (input: LabelInput, description: string, seed: string, memcached: boolean): GroupLabels => {
  refuseForMemcached(input, memcached)
  const maintenance = input.PreferredMaintenanceWindow
    ? maintenanceWindow(input.PreferredMaintenanceWindow)
    : freeMaintenanceWindow(seed, input.SnapshotWindow)
  const snapshot = input.SnapshotWindow ? snapshotWindow(input.SnapshotWindow) : pickSnapshotWindow(seed, maintenance)
  checkWindowsApart(maintenance, snapshot)
  const topic = input.NotificationTopicArn ? topicArn(input.NotificationTopicArn) : null
  return {
    description,
    maintenanceWindow: maintenance,
    snapshotWindow: memcached ? null : snapshot,
    snapshotRetentionLimit: retention(input.SnapshotRetentionLimit) ?? 0,
    snapshottingCluster: null,
    notificationTopicArn: topic,
    notificationTopicStatus: topic === null ? 'inactive' : 'active',
    autoMinorVersionUpgrade: input.AutoMinorVersionUpgrade ?? true,
    securityGroupIds: [],
    cacheSecurityGroupNames: [],
    networkType: 'ipv4',
    ipDiscovery: 'ipv4',
    ...askedMinorUpgrades(input),
  }
}

const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const

/** A maintenance window that was picked must not stand in the way of the snapshot window that was asked for: it follows it. */
const freeMaintenanceWindow = (seed: string, snapshot: string | undefined): string => {
  const picked = pickMaintenanceWindow(seed)
  if (!snapshot) return picked
  const start = snapshotWindow(snapshot).slice(6)
  const hour = Number(start.slice(0, 2))
  const day = days.findIndex((name) => picked.startsWith(name))
  const endDay = days[(day + (hour === 23 ? 1 : 0)) % days.length] ?? 'sun'
  const end = `${String((hour + 1) % 24).padStart(2, '0')}${start.slice(2)}`
  return maintenanceWindow(`${picked.slice(0, 3)}:${start}-${endDay}:${end}`)
}

const topicChange = (
  labels: GroupLabels,
  input: LabelInput,
): Pick<GroupLabels, 'notificationTopicArn' | 'notificationTopicStatus'> => {
  const given = input.NotificationTopicArn
  const arn = given === undefined ? labels.notificationTopicArn : given === '' ? null : topicArn(given)
  const status = oneOf('NotificationTopicStatus', input.NotificationTopicStatus, ['active', 'inactive'] as const)
  if (arn === null) {
    if (status === 'active') throw invalidCombination('NotificationTopicStatus cannot be active without a NotificationTopicArn.')
    return { notificationTopicArn: null, notificationTopicStatus: 'inactive' }
  }
  // Another topic is active unless something else is said.
  const usual = given === undefined ? labels.notificationTopicStatus : 'active'
  return { notificationTopicArn: arn, notificationTopicStatus: status ?? usual }
}

/** A window that nobody asked for makes way for one that somebody asks for: whoever never named it cannot know what to name besides. */
const changedWindows = (
  labels: Pick<GroupLabels, 'maintenanceWindow' | 'snapshotWindow'>,
  input: LabelInput,
  seed: string,
): { readonly maintenance: string; readonly snapshot: string | null } => {
  const { maintenanceWindow: maintenance, snapshotWindow: snapshot } = labels
  const askedMaintenance = input.PreferredMaintenanceWindow ? maintenanceWindow(input.PreferredMaintenanceWindow) : null
  const askedSnapshot = input.SnapshotWindow ? snapshotWindow(input.SnapshotWindow) : null
  const wasPicked = {
    maintenance: [pickMaintenanceWindow(seed), freeMaintenanceWindow(seed, snapshot ?? undefined)].includes(maintenance),
    snapshot: snapshot === pickSnapshotWindow(seed, maintenance),
  }
  if (askedMaintenance !== null && askedSnapshot === null && wasPicked.snapshot)
    return { maintenance: askedMaintenance, snapshot: pickSnapshotWindow(seed, askedMaintenance) }
  if (askedMaintenance === null && askedSnapshot !== null && wasPicked.maintenance && windowsOverlap(maintenance, askedSnapshot))
    return { maintenance: freeMaintenanceWindow(seed, askedSnapshot), snapshot: askedSnapshot }
  return { maintenance: askedMaintenance ?? maintenance, snapshot: askedSnapshot ?? snapshot }
}

/** The labels after a modification. `seed`: as of `newLabels`. */
export const changedLabels = (labels: GroupLabels, input: LabelInput, seed: string, memcached: boolean): GroupLabels => {
  refuseForMemcached(input, memcached)
  const { maintenance, snapshot } = changedWindows(labels, input, seed)
  if (snapshot !== null) checkWindowsApart(maintenance, snapshot)
  return {
    ...labels,
    ...topicChange(labels, input),
    maintenanceWindow: maintenance,
    snapshotWindow: snapshot,
    snapshotRetentionLimit: retention(input.SnapshotRetentionLimit) ?? labels.snapshotRetentionLimit,
    autoMinorVersionUpgrade: input.AutoMinorVersionUpgrade ?? labels.autoMinorVersionUpgrade,
    ...askedMinorUpgrades(input),
  }
}

/** Daily snapshots of a new group without cluster mode are taken from its last replica. */
export const snapshottingFrom = (labels: GroupLabels, kind: GroupKind, shards: readonly ShardSpec[]): GroupLabels =>
  kind === 'cmd' && labels.snapshotRetentionLimit > 0
    ? { ...labels, snapshottingCluster: shards[0]?.nodes.at(-1)?.clusterId ?? null }
    : labels

/** A node that leaves can no longer be the one that snapshots are taken from. */
export const labelsWithout = (labels: GroupLabels, leaving: ReadonlySet<string>): GroupLabels =>
  labels.snapshottingCluster !== null && leaving.has(labels.snapshottingCluster)
    ? { ...labels, snapshottingCluster: null }
    : labels
