/**
 * Settings that AWS acts upon and Larder does not yet: each is taken, stored and shown as on AWS, told by an event and in `larder status`.
 * This table is the only place that knows which they are. A setting that gets its effect loses its row.
 */
import type { GroupSpec } from './group.ts'

/** The volume that the home lies on, as far as the machine tells. */
export interface HomeVolume {
  /** Null: it cannot be told. */
  readonly encrypted: boolean | null
  /** What was found: `dm-crypt on /dev/dm-0`. */
  readonly found: string
}

export const unknownVolume: HomeVolume = { encrypted: null, found: 'nobody looked' }

interface Row {
  /** Of the requests. */
  readonly member: string
  /** What is asked for: the empty text where the name says it all; null where it is not. */
  readonly asked: (spec: GroupSpec) => string | null
  /** What is missing, as in "snapshots are not available yet". */
  readonly missing: string
  readonly why: (volume: HomeVolume) => string
  /** It has its effect where the machine provides it. */
  readonly isMet?: (volume: HomeVolume) => boolean
  /** AWS's own default, which tools repeat: LARDER_UNSUPPORTED=refuse lets it pass. */
  readonly isUsual?: true
}

const covers = 'what nodes, logs and the state write to disk, and not memory or swap'

const atRestText = ({ encrypted, found }: HomeVolume): string => {
  if (encrypted === true) return `the home lies on an encrypted volume (${found}), which covers ${covers}`
  const home =
    encrypted === false ? 'the home lies on a volume that is not encrypted' : 'the home may lie on an encrypted volume or not'
  return `Larder itself encrypts nothing of what nodes write to disk, and ${home} (${found}); an encrypted volume covers ${covers}`
}

const isOn = (value: boolean | undefined): string | null => (value === true ? '' : null)

const rows: readonly Row[] = [
  {
    member: 'AtRestEncryptionEnabled',
    asked: ({ labels }) => isOn(labels.atRestEncryption !== undefined),
    missing: 'encryption at rest is',
    why: atRestText,
    isMet: ({ encrypted }) => encrypted === true,
  },
  {
    member: 'KmsKeyId',
    asked: ({ labels }) => labels.atRestEncryption?.kmsKeyId ?? null,
    missing: 'keys of KMS are',
    why: () => 'Larder has no keys of KMS',
  },
  {
    // The window and SnapshottingClusterId ask for nothing without a retention, on AWS either.
    member: 'SnapshotRetentionLimit',
    asked: ({ labels }) => (labels.snapshotRetentionLimit > 0 ? String(labels.snapshotRetentionLimit) : null),
    missing: 'automatic snapshots are',
    why: () => 'Larder takes no snapshots',
  },
  {
    member: 'FinalSnapshotIdentifier',
    asked: ({ deletion }) => deletion?.finalSnapshot ?? null,
    missing: 'snapshots are',
    why: () => 'Larder takes no snapshots, and none was taken before the deletion',
  },
  {
    member: 'LogDeliveryConfigurations',
    asked: ({ labels }) => labels.logDelivery?.map(({ logType }) => logType).join(', ') || null,
    missing: 'log delivery is',
    why: () => 'logs stay on this machine, where larder logs shows them',
  },
  {
    member: 'NotificationTopicArn',
    asked: ({ labels }) => (labels.notificationTopicStatus === 'active' ? labels.notificationTopicArn : null),
    missing: 'notification topics are',
    why: () => 'events are not sent to topics; DescribeEvents shows them',
  },
  {
    member: 'AutoMinorVersionUpgrade',
    asked: ({ labels }) => isOn(labels.autoMinorVersionUpgrade && labels.minorUpgradesAsked),
    missing: 'automatic upgrades are',
    why: () => 'Larder upgrades no engine by itself',
    isUsual: true,
  },
  {
    member: 'DataTieringEnabled',
    asked: ({ labels }) => isOn(labels.dataTiering),
    missing: 'data tiering is',
    why: () => 'all values stay in memory',
  },
  {
    member: 'Durability',
    asked: ({ durability }) => (durability === 'async' || durability === 'sync' ? durability : null),
    missing: 'a durable log is',
    why: () => 'no log outlives the nodes; appendonly in the parameter group keeps writes on this machine',
  },
  {
    member: 'AuthenticationMode',
    asked: ({ userGroup }) => (userGroup?.withoutLogin === undefined ? null : `iam of ${userGroup.withoutLogin.join(', ')}`),
    missing: 'logins by IAM with this engine are',
    why: () => 'this engine has no interface for tokens of IAM, so who has this mode cannot log in; Valkey has it',
  },
]

export interface WithoutEffect {
  readonly member: string
  /** `SnapshotRetentionLimit=5` */
  readonly setting: string
  /** One sentence about it. */
  readonly text: string
  /** Larder's error for those who want one. */
  readonly refusal: string
  readonly isMet: boolean
  readonly isUsual: boolean
}

const told = (row: Row, asked: string, volume: HomeVolume): WithoutEffect => {
  const setting = asked === '' ? row.member : `${row.member}=${asked}`
  const isMet = row.isMet?.(volume) ?? false
  const text = isMet ? `${setting}: ${row.why(volume)}` : `${setting} has no effect yet: ${row.why(volume)}`
  const refusal = `${setting}: ${row.missing} not available yet in Larder.`
  return { member: row.member, setting, text, refusal, isMet, isUsual: row.isUsual === true }
}

/** All that this group has asked for. */
export const withoutEffect = (spec: GroupSpec, volume: HomeVolume): readonly WithoutEffect[] =>
  rows.flatMap((row) => {
    const asked = row.asked(spec)
    return asked === null ? [] : [told(row, asked, volume)]
  })

/** What a change asks for that the group did not have before. `before` null: the group is new. */
export const newlyWithoutEffect = (before: GroupSpec | null, after: GroupSpec, volume: HomeVolume): readonly WithoutEffect[] => {
  const present = new Set(before === null ? [] : withoutEffect(before, volume).map(({ setting }) => setting))
  return withoutEffect(after, volume).filter(({ setting }) => !present.has(setting))
}
