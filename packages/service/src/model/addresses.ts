/** Loopback addresses of a home: a block of four /16 networks, the first for endpoints, the others for zones a, b and c. */
export interface Block {
  /** Second number of the block's first network: 64, 68, … 252. */
  readonly first: number
}

export const firstBlock = 64
export const lastBlock = 252
export const blockSize = 4

/** Every block, in the order in which homes take them. */
export const allBlocks: readonly Block[] = Array.from({ length: (lastBlock - firstBlock) / blockSize + 1 }, (_, index) => ({
  first: firstBlock + index * blockSize,
}))

/** `127.x.0.1` to `127.x.255.254`, without those that end in 0 or 255: some tools take them for networks and broadcasts. */
const addressesOf = function* (network: number): Generator<string> {
  for (let third = 0; third < 256; third += 1) for (let last = 1; last < 255; last += 1) yield `127.${network}.${third}.${last}`
}

export const endpointAddresses = (block: Block): Iterable<string> => addressesOf(block.first)
export const nodeAddresses = (block: Block, zone: 0 | 1 | 2): Iterable<string> => addressesOf(block.first + 1 + zone)

/** The block that an address belongs to; null for one that belongs to none. */
export const blockOf = (address: string): Block | null => {
  const match = /^127\.(\d{1,3})\.\d{1,3}\.\d{1,3}$/.exec(address)
  const second = Number(match?.[1] ?? 0)
  return second < firstBlock || second >= lastBlock + blockSize ? null : { first: second - (second % blockSize) }
}
