"""
AWS services by the product code of a report: FOCUS service category, and which have no Region.

Codes are ``lineItem/ProductCode`` as in reports and in the offer index of the price list
(https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/price-changes.html), 2026. Categories
are those of FOCUS 1.2 (https://focus.finops.org/focus-specification/v1-2/#servicecategory) by the
main purpose of the service; the table is ours (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

OTHER: Final = "other"

_CODES: Final[Mapping[str, tuple[str, ...]]] = {
    "ai_and_machine_learning": (
        "AmazonBedrock", "AmazonBedrockService", "AmazonSageMaker", "AmazonRekognition",
        "AmazonTextract", "comprehend", "translate", "transcribe", "AmazonPolly", "AmazonLex",
        "AmazonKendra", "AmazonPersonalize", "AmazonForecast", "AmazonFraudDetector",
        "AmazonQ", "AmazonQBusiness", "AWSHealthOmics", "AmazonAugmentedAI", "AmazonLookoutVision",
        "AmazonLookoutMetrics", "AmazonLookoutEquipment", "AmazonMonitron",
        "comprehendmedical", "transcribemedical", "AmazonDevOpsGuru",
        "AmazonBedrockAgentCore", "AmazonHealthLake",
    ),
    "analytics": (
        "AmazonAthena", "AmazonKinesis", "AmazonKinesisAnalytics", "AmazonKinesisFirehose",
        "AWSGlue", "AWSGlueElasticViews", "AWSLakeFormation", "AmazonES", "AmazonOpenSearchService",
        "AmazonCloudSearch", "ElasticMapReduce", "AmazonQuickSight", "AmazonMSK",
        "AmazonFinSpace", "AmazonDataZone", "AWSDataExchange", "datapipeline", "AWSCleanRooms",
        "AWSEntityResolution", "AmazonSecurityLake",
    ),
    "business_applications": (
        "AmazonChime", "AmazonChimeDialin", "AmazonChimeServices", "AmazonConnect",
        "ContactCenterTelecomm", "ContactLensAmazonConnect", "AmazonSES", "AmazonWorkMail",
        "AmazonPinpoint", "AWSEndUserMessaging", "AmazonWickr",
        "AWSSupplyChain", "AWSEndUserMessaging3pFees", "AmazonConnectCases", "AlexaForBusiness",
    ),
    "compute": (
        "AmazonEC2", "AWSLambda", "AmazonECS", "AmazonEKS", "AmazonEKSAnywhere", "AmazonECR",
        "AmazonECRPublic", "AmazonLightsail", "AWSElasticBeanstalk", "AWSAppRunner", "AWSBatch",
        "AWSOutposts", "AmazonWorkSpaces", "AmazonWorkSpacesWeb", "AmazonAppStream", "AmazonBraket",
        "AWSParallelComputingService", "AmazonGameLift", "AmazonGameLiftStreams",
        "ComputeSavingsPlans", "AWSFargate",
        "AWSSimSpaceWeaver", "AmazonWorkSpacesThinClient",
        "MachineLearningSavingsPlans",
    ),
    "databases": (
        "AmazonRDS", "AmazonDynamoDB", "AmazonDAX", "AmazonElastiCache", "AmazonRedshift",
        "AmazonDocDB", "AmazonNeptune", "AmazonTimestream", "AmazonQLDB", "AmazonMCS",
        "AmazonMemoryDB", "AmazonSimpleDB", "AmazonAuroraDSQL",
        "DatabaseSavingsPlans",
    ),
    "developer_tools": (
        "CodeBuild", "AWSCodePipeline", "AWSCodeCommit", "AWSCodeDeploy", "AWSCodeArtifact",
        "AWSCodeStar", "AWSCloud9", "AWSCloudShell", "AWSXRay", "AWSDeviceFarm", "AmazonCodeGuru",
        "AmazonCodeWhisperer", "AWSAmplify", "AWSFIS", "AmazonCodeCatalyst",
        "AWSMigrationHubRefactorSpaces",
    ),
    "identity": (
        "AmazonCognito", "AmazonCognitoSync", "AWSDirectoryService", "AmazonVerifiedPermissions",
        "AWSIAMAccessAnalyzer", "AWSIAM", "AmazonCloudDirectory",
    ),
    "integration": (
        "AmazonApiGateway", "AmazonSNS", "AWSQueueService", "AmazonStates", "AWSEvents",
        "AmazonMQ", "AWSAppSync", "AmazonSWF", "AmazonAppFlow", "AmazonMWAA", "AWSB2Bi",
        "AmazonEventBridge",
    ),
    "internet_of_things": (
        "AWSIoT", "AWSIoTAnalytics", "AWSIoTEvents", "AWSIoTSiteWise", "AWSIoT1Click",
        "AWSIoTThingsGraph", "AWSIoTFleetWise", "IoTDeviceManagement", "IoTDeviceDefender",
        "AWSGreengrass", "AWSIoTTwinMaker",
    ),
    "management_and_governance": (
        "AmazonCloudWatch", "AWSCloudTrail", "AWSConfig", "AWSSystemsManager", "AWSCloudFormation",
        "AWSServiceCatalog", "AWSOpsWorks", "AWSControlTower", "AWSTrustedAdvisor",
        "AWSCostExplorer", "AWSBudgets", "AWSComputeOptimizer", "AWSBillingConductor",
        "AmazonGrafana", "AmazonPrometheus", "AWSAppConfig", "AWSResilienceHub", "AWSAuditManager",
        "AWSSupportBusiness", "AWSSupportEnterprise", "AWSDeveloperSupport", "OCBPremiumSupport",
        "AWSSupportCostTable", "AWSSupportEnterpriseOnRamp", "AWSPremiumSupport", "AWSLicenseManager",
        "AWSTelcoNetworkBuilder",
    ),
    "media": (
        "AWSElementalMediaConvert", "AWSElementalMediaLive", "AWSElementalMediaPackage",
        "AWSElementalMediaStore", "AWSElementalMediaTailor", "AWSElementalMediaConnect",
        "AmazonETS", "AmazonIVS", "AmazonKinesisVideo", "AmazonNimbleStudio", "AWSDeadlineCloud",
    ),
    "migration": (
        "AWSDatabaseMigrationSvc", "AWSDataSync", "AWSTransfer", "AWSApplicationMigrationSvc",
        "AWSMigrationHub", "AWSImportExport", "IngestionServiceSnowball",
        "AWSMainframeModernizationSvc", "AWSServerMigrationService", "AWSApplicationDiscovery",
        "SnowballExtraDays",
    ),
    "networking": (
        "AmazonVPC", "AmazonCloudFront", "AmazonRoute53", "AmazonRoute53Domains",
        "AmazonRegistrar", "AWSELB", "AWSDirectConnect", "AWSDataTransfer", "AWSGlobalAccelerator",
        "AWSNetworkFirewall", "AWSCloudMap",
        "AmazonVPCLattice", "AWSPrivate5G", "AmazonLocationService", "AWSGroundStation",
    ),
    "security": (
        "awskms", "AWSSecretsManager", "awswaf", "AWSShield", "AmazonGuardDuty", "AmazonInspector",
        "AmazonInspectorV2", "AmazonMacie", "AmazonDetective", "AWSSecurityHub", "CloudHSM",
        "AWSCertificateManager", "AWSFMS", "AWSSigner", "AWSPaymentCryptography",
        "AWSSecurityIncidentResponse", "ACM",
    ),
    "storage": (
        "AmazonS3", "AmazonGlacier", "AmazonS3GlacierDeepArchive", "AmazonEFS", "AmazonFSx",
        "AWSBackup", "AWSStorageGateway", "AWSStorageGatewayDeepArchive",
        "AWSElasticDisasterRecovery", "CloudEndure", "AmazonFileCache", "AmazonWorkDocs",
    ),
    OTHER: ("AWSMarketplace", "AmazonManagedBlockchain", "AWSProfessionalServices", "AWSTrainingAndCertification"),
}  # fmt: skip

CATEGORIES: Final[Mapping[str, str]] = {
    code: category for category, codes in _CODES.items() for code in codes
}
"""Product code to FOCUS service category in snake_case."""

WITHOUT_REGION: Final = frozenset(
    {
        "AWSBillingConductor",
        "AWSBudgets",
        "AWSCostExplorer",
        "AWSDeveloperSupport",
        "AWSGlobalAccelerator",
        "AWSIAM",
        "AWSPremiumSupport",
        "AWSShield",
        "AWSSupportBusiness",
        "AWSSupportEnterprise",
        "AWSSupportEnterpriseOnRamp",
        "AmazonCloudFront",
        "AmazonRegistrar",
        "AmazonRoute53",
        "AmazonRoute53Domains",
        "ComputeSavingsPlans",
        "DatabaseSavingsPlans",
        "MachineLearningSavingsPlans",
        "OCBPremiumSupport",
    }
)
"""
Global services: a line of theirs that names no place is ``global``.

https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/global-services.html
and services sold for an organisation as a whole.
"""
