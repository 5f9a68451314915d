import type { LogDeliveryConfiguration } from '@aws-sdk/client-elasticache'
import type { GroupLabels } from '../../../../model/group.ts'

/** As on AWS; that nothing is delivered yet is told elsewhere (`model/without-effect.ts`). */
export const logDeliveryView = ({ logDelivery = [] }: Pick<GroupLabels, 'logDelivery'>): LogDeliveryConfiguration[] =>
  logDelivery.map(({ logType, destinationType, destination, format }) => ({
    LogType: logType,
    DestinationType: destinationType,
    DestinationDetails:
      destinationType === 'cloudwatch-logs'
        ? { CloudWatchLogsDetails: { LogGroup: destination } }
        : { KinesisFirehoseDetails: { DeliveryStream: destination } },
    LogFormat: format,
    Status: 'active',
  }))
