from loadlab.workload.locust_user import scenario_user

MarketplaceUser = scenario_user(__file__)
