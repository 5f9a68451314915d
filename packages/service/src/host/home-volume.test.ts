import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { findHomeVolume, type VolumeReader } from './home-volume.ts'
import { createVolumeReader } from './volume-reader.ts'

interface Machine {
  /** Device of the home, and of files that others are backed by. */
  readonly devices: Readonly<Record<string, string>>
  readonly mounts: string
  readonly files?: Readonly<Record<string, string>>
  readonly folders?: Readonly<Record<string, readonly string[]>>
  readonly named?: Readonly<Record<string, string>>
  readonly attributes?: string
}

const readerOf = ({ devices, mounts, files = {}, folders = {}, named = {}, attributes }: Machine): VolumeReader => ({
  read: async (path) => (path === '/proc/self/mountinfo' ? mounts : (files[path] ?? null)),
  list: async (path) => folders[path] ?? [],
  deviceOf: async (path) => devices[path] ?? null,
  deviceNamed: async (path) => named[path] ?? null,
  attributes: async () => attributes ?? null,
})

const mount = (device: string, type: string, source: string): string =>
  `29 1 ${device} / / rw,relatime shared:1 - ${type} ${source} rw`
const block = (device: string): string => `/sys/dev/block/${device}`

const rows: readonly (readonly [what: string, machine: Machine, encrypted: boolean | null, found: RegExp])[] = [
  [
    'a partition',
    {
      devices: { '/home': '8:1' },
      mounts: mount('8:1', 'ext4', '/dev/sda1'),
      files: { [`${block('8:1')}/uevent`]: 'DEVNAME=sda1\n' },
    },
    false,
    /^ext4 on \/dev\/sda1$/,
  ],
  [
    'LUKS',
    {
      devices: { '/home': '253:0' },
      mounts: mount('253:0', 'ext4', '/dev/mapper/home'),
      files: { [`${block('253:0')}/uevent`]: 'DEVNAME=dm-0\n', [`${block('253:0')}/dm/uuid`]: 'CRYPT-LUKS2-0a-home\n' },
    },
    true,
    /^ext4 on dm-crypt on \/dev\/dm-0$/,
  ],
  [
    'a logical volume on LUKS',
    {
      devices: { '/home': '253:1' },
      mounts: mount('253:1', 'xfs', '/dev/mapper/vg-home'),
      files: {
        [`${block('253:1')}/uevent`]: 'DEVNAME=dm-1\n',
        [`${block('253:1')}/dm/uuid`]: 'LVM-0a\n',
        [`${block('253:1')}/slaves/dm-0/dm/uuid`]: 'CRYPT-LUKS2-0a\n',
      },
      folders: { [`${block('253:1')}/slaves`]: ['dm-0'] },
    },
    true,
    /dm-crypt on dm-0 below \/dev\/dm-1/,
  ],
  [
    'a logical volume of which one part alone is encrypted',
    {
      devices: { '/home': '253:1' },
      mounts: mount('253:1', 'xfs', '/dev/mapper/vg-home'),
      files: {
        [`${block('253:1')}/uevent`]: 'DEVNAME=dm-1\n',
        [`${block('253:1')}/slaves/dm-0/dm/uuid`]: 'CRYPT-LUKS2-0a\n',
      },
      folders: { [`${block('253:1')}/slaves`]: ['dm-0', 'sdb1'] },
    },
    false,
    /sdb1/,
  ],
  [
    'btrfs on LUKS, whose device has a number of its own',
    {
      devices: { '/home': '0:31' },
      mounts: mount('0:31', 'btrfs', '/dev/mapper/root'),
      named: { '/dev/mapper/root': '253:0' },
      files: { [`${block('253:0')}/uevent`]: 'DEVNAME=dm-0\n', [`${block('253:0')}/dm/uuid`]: 'CRYPT-LUKS1-0a\n' },
    },
    true,
    /^btrfs on dm-crypt/,
  ],
  [
    'a file behind a loop device on LUKS',
    {
      devices: { '/home': '7:0', '/images/home': '253:0' },
      mounts: `${mount('7:0', 'ext4', '/dev/loop0')}\n${mount('253:0', 'ext4', '/dev/mapper/root')}`,
      files: {
        [`${block('7:0')}/uevent`]: 'DEVNAME=loop0\n',
        [`${block('7:0')}/loop/backing_file`]: '/images/home\n',
        [`${block('253:0')}/uevent`]: 'DEVNAME=dm-0\n',
        [`${block('253:0')}/dm/uuid`]: 'CRYPT-PLAIN-root\n',
      },
    },
    true,
    /dm-crypt/,
  ],
  ['an encrypted folder', { devices: { '/home': '8:1' }, mounts: '', attributes: '-----------E------' }, true, /^fscrypt$/],
  ['gocryptfs', { devices: { '/home': '0:50' }, mounts: mount('0:50', 'fuse.gocryptfs', '/cipher') }, true, /gocryptfs/],
  ['memory', { devices: { '/home': '0:23' }, mounts: mount('0:23', 'tmpfs', 'tmpfs') }, false, /in memory and in swap/],
  ['a container', { devices: { '/home': '0:40' }, mounts: mount('0:40', 'overlay', 'overlay') }, null, /^overlay on overlay$/],
  ['a share', { devices: { '/home': '0:41' }, mounts: mount('0:41', 'nfs4', 'nas:/home') }, null, /nfs4 on nas:\/home/],
  ['ZFS', { devices: { '/home': '0:42' }, mounts: mount('0:42', 'zfs', 'pool/home') }, null, /zfs/],
  ['a device of which nothing is known', { devices: { '/home': '8:1' }, mounts: '' }, null, /device 8:1/],
  ['a folder that is not there', { devices: {}, mounts: '' }, null, /is not there/],
]

for (const [what, machine, encrypted, found] of rows) {
  test(`the volume of a home: ${what}`, async () => {
    const volume = await findHomeVolume(readerOf(machine), '/home')
    assert.equal(volume.encrypted, encrypted)
    assert.match(volume.found, found)
  })
}

test('this machine says what it has, and says so twice', async () => {
  const volume = await findHomeVolume(createVolumeReader(null), tmpdir())
  assert.ok(volume.found.length > 0 && !/^device|not there/.test(volume.found), volume.found)
  assert.deepEqual(await findHomeVolume(createVolumeReader(null), tmpdir()), volume)
})
