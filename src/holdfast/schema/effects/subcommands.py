"""The subcommands of ALTER TABLE by the parser's numbers (enum AlterTableType)."""

from __future__ import annotations


class AT:
    """Plain integers, because that is what the tree holds."""

    AddColumn = 1
    AddColumnToView = 2
    ColumnDefault = 3
    DropNotNull = 5
    SetNotNull = 6
    SetExpression = 7
    DropExpression = 8
    SetStatistics = 9
    SetOptions = 10
    ResetOptions = 11
    SetStorage = 12
    SetCompression = 13
    DropColumn = 14
    AddConstraint = 17
    AlterConstraint = 20
    ValidateConstraint = 21
    DropConstraint = 23
    AlterColumnType = 25
    ChangeOwner = 27
    ClusterOn = 28
    DropCluster = 29
    SetLogged = 30
    SetUnLogged = 31
    SetAccessMethod = 33
    SetTableSpace = 34
    SetRelOptions = 35
    ResetRelOptions = 36
    EnableTrig = 38
    EnableAlwaysTrig = 39
    EnableReplicaTrig = 40
    DisableTrig = 41
    EnableTrigAll = 42
    DisableTrigAll = 43
    EnableTrigUser = 44
    DisableTrigUser = 45
    EnableRule = 46
    DisableRule = 49
    AddInherit = 50
    DropInherit = 51
    ReplicaIdentity = 54
    EnableRowSecurity = 55
    DisableRowSecurity = 56
    ForceRowSecurity = 57
    NoForceRowSecurity = 58
    AttachPartition = 60
    DetachPartition = 61
    DetachPartitionFinalize = 62
    AddIdentity = 63
    SetIdentity = 64
    DropIdentity = 65
