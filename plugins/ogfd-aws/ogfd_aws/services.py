"""
AWS services by the product code of a report: name, FOCUS service category, and which have no Region.

Codes are ``lineItem/ProductCode`` as in reports and in the offer index of the price list
(https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/price-changes.html), 2026. Categories
are those of FOCUS 1.2 (https://focus.finops.org/focus-specification/v1-2/#servicecategory) by the
main purpose of the service; the table is ours (Apache-2.0).

Names are those that reports (``product/ProductName``) and Cost Explorer have, so that rows that
come with a code, such as those of carbon, stand beside those that come with a name. Some are older
than what the product is called today. They were seen in the FOCUS converter's sample report (2023),
in lists of the Cost Explorer dimension ``SERVICE`` (2025) and in a table of service codes of AWS
(https://docs.aws.amazon.com/PRM/latest/aws-prm-onboarding-guide/, Included AWS Services, 2026); a
service that none of them has carries the name of its product page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

OTHER: Final = "other"
_MARKETPLACE: Final = re.compile(r"(?=[0-9a-z]*[0-9])[0-9a-z]{20,32}")

_SERVICES: Final[Mapping[str, Mapping[str, str]]] = {
    "ai_and_machine_learning": {
        "AWSDeepRacer": "AWS DeepRacer", "AWSHealthOmics": "AWS HealthOmics",
        "AWSMDC": "AWS Music and Media Data Catalog", "AWSWisdom": "Amazon Connect Wisdom",
        "AmazonA2I": "Amazon Augmented AI", "AmazonAugmentedAI": "Amazon Augmented AI",
        "AmazonBedrock": "Amazon Bedrock", "AmazonBedrockAgentCore": "Amazon Bedrock AgentCore",
        "AmazonBedrockService": "Amazon Bedrock Service", "AmazonDevOpsGuru": "Amazon DevOps Guru",
        "AmazonEI": "Amazon Elastic Inference", "AmazonForecast": "Amazon Forecast",
        "AmazonFraudDetector": "Amazon Fraud Detector", "AmazonHealthLake": "Amazon HealthLake",
        "AmazonKendra": "Amazon Kendra", "AmazonLex": "Amazon Lex",
        "AmazonLookoutEquipment": "Amazon Lookout for Equipment",
        "AmazonLookoutMetrics": "Amazon Lookout for Metrics",
        "AmazonLookoutVision": "Amazon Lookout for Vision", "AmazonML": "Amazon Machine Learning",
        "AmazonMedicalImaging": "AWS HealthImaging", "AmazonMonitron": "Amazon Monitron",
        "AmazonOmics": "Amazon Omics", "AmazonPersonalize": "Amazon Personalize",
        "AmazonPolly": "Amazon Polly", "AmazonQ": "Amazon Q", "AmazonQBusiness": "Amazon Q Business",
        "AmazonRekognition": "Amazon Rekognition", "AmazonSageMaker": "Amazon SageMaker",
        "AmazonTextract": "Amazon Textract", "comprehend": "Amazon Comprehend",
        "comprehendmedical": "Amazon Comprehend Medical", "transcribe": "Amazon Transcribe",
        "transcribemedical": "Amazon Transcribe Medical", "translate": "Amazon Translate",
    },
    "analytics": {
        "AWSCleanRooms": "AWS Clean Rooms", "AWSDataExchange": "AWS Data Exchange",
        "AWSEntityResolution": "AWS Entity Resolution", "AWSGlue": "AWS Glue",
        "AWSGlueElasticViews": "AWS Glue Elastic Views", "AWSLakeFormation": "AWS Lake Formation",
        "AlexaTopSites": "Alexa Top Sites", "AlexaWebInfoService": "Alexa Web Information Service",
        "AmazonAthena": "Amazon Athena", "AmazonCloudSearch": "Amazon CloudSearch",
        "AmazonDataZone": "Amazon DataZone", "AmazonES": "Amazon OpenSearch Service",
        "AmazonFinSpace": "Amazon FinSpace", "AmazonKinesis": "Amazon Kinesis",
        "AmazonKinesisAnalytics": "Amazon Kinesis Analytics",
        "AmazonKinesisFirehose": "Amazon Kinesis Firehose",
        "AmazonMSK": "Amazon Managed Streaming for Apache Kafka",
        "AmazonOpenSearchService": "Amazon OpenSearch Service",
        "AmazonQuickSight": "Amazon QuickSight", "AmazonSecurityLake": "Amazon Security Lake",
        "ElasticMapReduce": "Amazon Elastic MapReduce", "datapipeline": "AWS Data Pipeline",
    },
    "business_applications": {
        "A4B": "Alexa for Business", "AWSAppFabric": "AWS AppFabric",
        "AWSAppStudio": "AWS App Studio", "AWSEndUserMessaging": "AWS End User Messaging",
        "AWSEndUserMessaging3pFees": "AWS End User Messaging 3p Fees",
        "AWSSupplyChain": "AWS Supply Chain", "AWSWickr": "AWS Wickr",
        "AlexaForBusiness": "Alexa for Business", "AmazonChime": "Amazon Chime",
        "AmazonChimeBusinessCalling": "Amazon Chime Business Calling",
        "AmazonChimeCallMe": "Amazon Chime Call Me",
        "AmazonChimeCallMeAMCS": "Amazon Chime Call Me AMCS",
        "AmazonChimeDialInAMCS": "Amazon Chime Dial-In AMCS",
        "AmazonChimeDialin": "Amazon Chime Dial-in", "AmazonChimeFeatures": "Amazon Chime Features",
        "AmazonChimeServices": "Amazon Chime Services",
        "AmazonChimeVoiceConnector": "Amazon Chime Voice Connector",
        "AmazonConnect": "Amazon Connect", "AmazonConnectCases": "Amazon Connect Cases",
        "AmazonConnectVoiceID": "Amazon Connect Voice ID", "AmazonHoneycode": "Amazon Honeycode",
        "AmazonPinpoint": "Amazon Pinpoint", "AmazonSES": "Amazon Simple Email Service",
        "AmazonWickr": "AWS Wickr", "AmazonWorkMail": "AmazonWorkMail",
        "ContactCenterTelecomm": "Contact Center Telecommunications (service sold by AMCS, LLC)",
        "ContactLensAmazonConnect": "Contact Lens for Amazon Connect",
    },
    "compute": {
        "AWSAppRunner": "AWS App Runner", "AWSBatch": "AWS Batch",
        "AWSElasticBeanstalk": "AWS Elastic Beanstalk", "AWSFargate": "AWS Fargate",
        "AWSLambda": "AWS Lambda", "AWSOutposts": "AWS Outposts",
        "AWSPCS": "AWS Parallel Computing Service",
        "AWSParallelComputingService": "AWS Parallel Computing Service",
        "AWSSimSpaceWeaver": "AWS SimSpace Weaver", "AmazonAppStream": "Amazon AppStream",
        "AmazonBraket": "Amazon Braket", "AmazonEC2": "Amazon Elastic Compute Cloud",
        "AmazonECR": "Amazon EC2 Container Registry (ECR)",
        "AmazonECRPublic": "Amazon Elastic Container Registry Public",
        "AmazonECS": "Amazon Elastic Container Service",
        "AmazonEKS": "Amazon Elastic Container Service for Kubernetes",
        "AmazonEKSAnywhere": "Amazon EKS Anywhere", "AmazonEVS": "Amazon Elastic VMware Service",
        "AmazonGameLift": "Amazon GameLift", "AmazonGameLiftStreams": "Amazon GameLift Streams",
        "AmazonLightsail": "Amazon Lightsail", "AmazonWorkSpaces": "Amazon WorkSpaces",
        "AmazonWorkSpacesInstances": "Amazon WorkSpaces Managed Instances",
        "AmazonWorkSpacesThinClient": "Amazon WorkSpaces Thin Client",
        "AmazonWorkSpacesWeb": "Amazon WorkSpaces Web",
        "ComputeSavingsPlans": "Savings Plans for AWS Compute usage",
        "MachineLearningSavingsPlans": "Savings Plans for AWS Machine Learning",
    },
    "databases": {
        "AmazonAuroraDSQL": "Amazon Aurora DSQL", "AmazonDAX": "DynamoDB Accelerator (DAX)",
        "AmazonDocDB": "Amazon DocumentDB (with MongoDB compatibility)",
        "AmazonDynamoDB": "Amazon DynamoDB", "AmazonElastiCache": "Amazon ElastiCache",
        "AmazonMCS": "Amazon Keyspaces (for Apache Cassandra)",
        "AmazonMemoryDB": "Amazon MemoryDB", "AmazonNeptune": "Amazon Neptune",
        "AmazonQLDB": "Amazon Quantum Ledger Database",
        "AmazonRDS": "Amazon Relational Database Service", "AmazonRedshift": "Amazon Redshift",
        "AmazonSimpleDB": "Amazon SimpleDB", "AmazonTimestream": "Amazon Timestream",
        "AuroraDSQL": "Aurora DSQL", "DatabaseSavingsPlans": "Savings Plans for AWS Databases",
    },
    "developer_tools": {
        "AWSAmplify": "AWS Amplify", "AWSCloud9": "AWS Cloud9", "AWSCloudShell": "AWS CloudShell",
        "AWSCodeArtifact": "AWS CodeArtifact", "AWSCodeCommit": "AWS CodeCommit",
        "AWSCodeDeploy": "AWS CodeDeploy", "AWSCodePipeline": "AWS CodePipeline",
        "AWSCodeStar": "AWS CodeStar", "AWSDeviceFarm": "AWS Device Farm",
        "AWSFIS": "AWS Fault Injection Service",
        "AWSMigrationHubRefactorSpaces": "AWS Migration Hub Refactor Spaces",
        "AWSRoboMaker": "AWS RoboMaker", "AWSXRay": "AWS X-Ray",
        "AmazonCodeCatalyst": "Amazon CodeCatalyst", "AmazonCodeGuru": "Amazon CodeGuru",
        "AmazonCodeWhisperer": "Amazon CodeWhisperer", "AmazonSumerian": "Amazon Sumerian",
        "CodeBuild": "CodeBuild",
    },
    "identity": {
        "AWSDirectoryService": "AWS Directory Service",
        "AWSIAM": "AWS Identity and Access Management",
        "AWSIAMAccessAnalyzer": "AWS Identity and Access Management Access Analyzer",
        "AmazonCloudDirectory": "Amazon Cloud Directory", "AmazonCognito": "Amazon Cognito",
        "AmazonCognitoSync": "Amazon Cognito Sync",
        "AmazonVerifiedPermissions": "Amazon Verified Permissions",
    },
    "integration": {
        "AWSAppSync": "AWS AppSync", "AWSB2Bi": "AWS B2B Data Interchange",
        "AWSEvents": "CloudWatch Events", "AWSQueueService": "Amazon Simple Queue Service",
        "AmazonApiGateway": "Amazon API Gateway", "AmazonAppFlow": "Amazon AppFlow",
        "AmazonEventBridge": "Amazon EventBridge", "AmazonMQ": "Amazon MQ",
        "AmazonMWAA": "Amazon Managed Workflows for Apache Airflow",
        "AmazonSNS": "Amazon Simple Notification Service",
        "AmazonSWF": "Amazon Simple Workflow Service", "AmazonStates": "AWS Step Functions",
    },
    "internet_of_things": {
        "AWSGreengrass": "AWS IoT Greengrass", "AWSIoT": "AWS IoT", "AWSIoT1Click": "AWS IoT 1-Click",
        "AWSIoTAnalytics": "AWS IoT Analytics", "AWSIoTEvents": "AWS IoT Events",
        "AWSIoTFleetWise": "AWS IoT FleetWise", "AWSIoTSiteWise": "AWS IoT SiteWise",
        "AWSIoTThingsGraph": "AWS IoT Things Graph", "AWSIoTTwinMaker": "AWS IoT TwinMaker",
        "IoTDeviceDefender": "AWS IoT Device Defender",
        "IoTDeviceManagement": "AWS IoT Device Management",
    },
    "management_and_governance": {
        "AWSAppConfig": "AWS AppConfig", "AWSAuditManager": "AWS Audit Manager",
        "AWSBCMPricingCalculator": "AWS Pricing Calculator",
        "AWSBillingConductor": "AWS Billing Conductor", "AWSBudgets": "AWS Budgets",
        "AWSCloudFormation": "AWS CloudFormation", "AWSCloudTrail": "AWS CloudTrail",
        "AWSComputeOptimizer": "AWS Compute Optimizer", "AWSConfig": "AWS Config",
        "AWSControlTower": "AWS Control Tower", "AWSCostExplorer": "AWS Cost Explorer",
        "AWSDeveloperSupport": "AWS Support (Developer)",
        "AWSEnterpriseOnRamp": "AWS Support (Enterprise On-Ramp)",
        "AWSLicenseManager": "AWS License Manager", "AWSOpsWorks": "AWS OpsWorks",
        "AWSPremiumSupport": "AWS Premium Support", "AWSResilienceHub": "AWS Resilience Hub",
        "AWSServiceCatalog": "AWS Service Catalog", "AWSSupportBusiness": "AWS Support (Business)",
        "AWSSupportCostTable": "AWS Support", "AWSSupportEnterprise": "AWS Support (Enterprise)",
        "AWSSupportEnterpriseOnRamp": "AWS Support (Enterprise On-Ramp)",
        "AWSSystemsManager": "AWS Systems Manager",
        "AWSTelcoNetworkBuilder": "AWS Telco Network Builder",
        "AWSTrustedAdvisor": "AWS Trusted Advisor", "AmazonCloudWatch": "AmazonCloudWatch",
        "AmazonGrafana": "Amazon Managed Grafana",
        "AmazonPrometheus": "Amazon Managed Service for Prometheus",
        "OCBPremiumSupport": "AWS Premium Support",
    },
    "media": {
        "AWSDeadlineCloud": "AWS Deadline Cloud",
        "AWSElementalMediaConnect": "AWS Elemental MediaConnect",
        "AWSElementalMediaConvert": "AWS Elemental MediaConvert",
        "AWSElementalMediaLive": "AWS Elemental MediaLive",
        "AWSElementalMediaPackage": "AWS Elemental MediaPackage",
        "AWSElementalMediaStore": "AWS Elemental MediaStore",
        "AWSElementalMediaTailor": "AWS Elemental MediaTailor",
        "AWSMediaConnect": "AWS Elemental MediaConnect", "AmazonDeadline": "AWS Thinkbox Deadline",
        "AmazonETS": "Amazon Elastic Transcoder", "AmazonIVS": "Amazon Interactive Video Service",
        "AmazonIVSChat": "Amazon Interactive Video Service Chat",
        "AmazonKinesisVideo": "Amazon Kinesis Video Streams",
        "AmazonNimbleStudio": "Amazon Nimble Studio",
    },
    "migration": {
        "AWSApplicationDiscovery": "AWS Application Discovery Service",
        "AWSApplicationMigrationSvc": "AWS Application Migration Service",
        "AWSDataSync": "AWS DataSync", "AWSDatabaseMigrationSvc": "AWS Database Migration Service",
        "AWSImportExport": "AWS Import/Export", "AWSM2": "AWS Mainframe Modernization",
        "AWSMainframeModernizationSvc": "AWS Mainframe Modernization",
        "AWSMigrationHub": "AWS Migration Hub",
        "AWSServerMigrationService": "AWS Server Migration Service",
        "AWSTransfer": "AWS Transfer Family", "IngestionServiceSnowball": "AWS Snowball",
        "SnowballExtraDays": "AWS Snowball Extra Days",
    },
    "networking": {
        "AWSCloudMap": "AWS Cloud Map", "AWSCloudWAN": "AWS Cloud WAN",
        "AWSDataTransfer": "AWS Data Transfer", "AWSDirectConnect": "AWS Direct Connect",
        "AWSELB": "Elastic Load Balancing", "AWSGlobalAccelerator": "AWS Global Accelerator",
        "AWSGroundStation": "AWS Ground Station", "AWSNetworkFirewall": "AWS Network Firewall",
        "AWSPrivate5G": "AWS Private 5G",
        "AWSR53AppRecoveryController": "AWS Route 53 Application Recovery Controller",
        "AmazonCloudFront": "Amazon CloudFront", "AmazonLocationService": "Amazon Location Service",
        "AmazonRegistrar": "Amazon Registrar", "AmazonRoute53": "Amazon Route 53",
        "AmazonRoute53Domains": "Amazon Registrar", "AmazonVPC": "Amazon Virtual Private Cloud",
        "AmazonVPCLattice": "Amazon VPC Lattice",
    },
    "security": {
        "ACM": "AWS Certificate Manager", "AWSCertificateManager": "AWS Certificate Manager",
        "AWSFMS": "AWS Firewall Manager", "AWSPaymentCryptography": "AWS Payment Cryptography",
        "AWSSecretsManager": "AWS Secrets Manager", "AWSSecurityHub": "AWS Security Hub",
        "AWSSecurityIncidentResponse": "AWS Security Incident Response", "AWSShield": "AWS Shield",
        "AWSSigner": "AWS Signer", "AmazonDetective": "Amazon Detective",
        "AmazonGuardDuty": "Amazon GuardDuty", "AmazonInspector": "Amazon Inspector",
        "AmazonInspectorV2": "Amazon Inspector", "AmazonMacie": "Amazon Macie",
        "CloudHSM": "AWS CloudHSM", "PaymentCryptography": "AWS Payment Cryptography",
        "awskms": "AWS Key Management Service", "awswaf": "AWS WAF",
    },
    "storage": {
        "AWSBackup": "AWS Backup",
        "AWSElasticDisasterRecovery": "AWS Elastic Disaster Recovery",
        "AWSStorageGateway": "AWS Storage Gateway",
        "AWSStorageGatewayDeepArchive": "AWS Storage Gateway Deep Archive",
        "AmazonEFS": "Amazon Elastic File System", "AmazonFSx": "Amazon FSx",
        "AmazonFileCache": "Amazon File Cache", "AmazonGlacier": "Amazon Glacier",
        "AmazonS3": "Amazon Simple Storage Service",
        "AmazonS3GlacierDeepArchive": "Amazon S3 Glacier Deep Archive",
        "AmazonWorkDocs": "Amazon WorkDocs", "CloudEndure": "CloudEndure",
    },
    OTHER: {
        "AWSMarketplace": "AWS Marketplace", "AWSProfessionalServices": "AWS Professional Services",
        "AWSTrainingAndCertification": "AWS Training and Certification",
        "AmazonManagedBlockchain": "Amazon Managed Blockchain",
    },
}  # fmt: skip

CATEGORIES: Final[Mapping[str, str]] = {
    code: category for category, services in _SERVICES.items() for code in services
}
"""Product code to FOCUS service category in snake_case."""

NAMES: Final[Mapping[str, str]] = {
    code: name for services in _SERVICES.values() for code, name in services.items()
}
"""Product code to the name that reports have."""

WITHOUT_REGION: Final = frozenset(
    {
        "AWSBillingConductor",
        "AWSBudgets",
        "AWSCostExplorer",
        "AWSDeveloperSupport",
        "AWSEnterpriseOnRamp",
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


@dataclass(frozen=True, slots=True)
class Service:
    """A service: its name in reports, its FOCUS category in snake_case."""

    name: str
    category: str


def service_of(named: str) -> Service | None:
    """Return the service that *named* stands for, a product code or a name; None if unknown."""
    code = named if named in CATEGORIES else _CODES.get(named)
    return None if code is None else Service(NAMES[code], CATEGORIES[code])


def category_of(code: str) -> str | None:
    """
    Return the FOCUS service category of a product code; None if unknown.

    A product of AWS Marketplace has a random code, such as ``5hnnev4d0v7mapf09j0v8of0o2``, and can
    be anything.
    """
    if (known := CATEGORIES.get(code)) is None and _MARKETPLACE.fullmatch(code):
        return OTHER
    return known


_CODES: Final = {name: code for code, name in NAMES.items()}
